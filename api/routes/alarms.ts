import { toTimestamp } from '../../core/clock.ts';
import { ask, change, needRole, type Api, type App } from '../context.ts';
import { notFound, ProblemError } from '../problem.ts';
import { acknowledgeAlarm, shelveAlarm } from '../queries/acknowledge-alarm.ts';
import { listAlarms, readAlarms } from '../queries/alarms.ts';
import { listAnomalies } from '../queries/anomalies.ts';
import { listFaults } from '../queries/faults.ts';
import { listReliability } from '../queries/reliability.ts';
import { acknowledgeBody, alarm, alarmPage, alarmsQuery, shelveBody } from '../schemas/alarm.ts';
import { anomaliesQuery, anomalyPage } from '../schemas/anomaly.ts';
import { faultPage, faultsQuery } from '../schemas/fault.ts';
import { reliabilityPage, reliabilityQuery } from '../schemas/reliability.ts';
import type { Role } from '../schemas/session.ts';
import { eventIdParameters } from './parameters.ts';

const mayAcknowledge: readonly Role[] = ['engineer', 'planner', 'supervisor', 'technician', 'operator'];
const mayShelve: readonly Role[] = ['engineer', 'planner', 'supervisor'];
const longestShelfMs = 7 * 86_400_000;

/** Alarms, anomalies, faults and reliability: what analytics found. */
export function addAlarms(app: App, api: Api): void {
  const tags = ['condition'];
  app.get(
    '/alarms',
    { schema: { tags, summary: 'Alarms, newest first', querystring: alarmsQuery, response: { 200: alarmPage } } },
    (request) => ask(api, request, (connection) => listAlarms(connection, request.query)),
  );
  app.post(
    '/alarms/:id/acknowledge',
    {
      schema: {
        tags,
        summary: 'I have seen it',
        params: eventIdParameters,
        body: acknowledgeBody,
        response: { 200: alarm },
      },
    },
    (request) => {
      const { id } = request.params;
      const { employee_id } = needRole(request, mayAcknowledge);
      return change(api, request, async (connection) => {
        const done = await acknowledgeAlarm(connection, id, employee_id, request.body.note);
        const [changed] = await readAlarms(connection, [id]);
        if (changed === undefined) throw notFound('alarm', id);
        if (!done)
          throw new ProblemError(
            'conflict',
            `Alarm ${id} is ${changed.state}; only an unacknowledged one can be acknowledged.`,
          );
        return changed;
      });
    },
  );
  app.post(
    '/alarms/:id/shelve',
    {
      schema: {
        tags,
        summary: 'Out of sight until a time',
        params: eventIdParameters,
        body: shelveBody,
        response: { 200: alarm },
      },
    },
    (request) => {
      const { id } = request.params;
      const { until, reason } = request.body;
      const { employee_id } = needRole(request, mayShelve);
      const nowMs = api.clock();
      const untilMs = Date.parse(until);
      if (untilMs <= nowMs || untilMs > nowMs + longestShelfMs) {
        const accepted = `a time from now to ${toTimestamp(nowMs + longestShelfMs)}`;
        throw new ProblemError('validation', `until is ${until}; accepted is ${accepted}.`, {
          errors: [{ field: 'until', value: until, accepted }],
        });
      }
      return change(api, request, async (connection) => {
        const done = await shelveAlarm(connection, id, employee_id, until, reason);
        const [changed] = await readAlarms(connection, [id]);
        if (changed === undefined) throw notFound('alarm', id);
        if (!done) throw new ProblemError('conflict', `Alarm ${id} is ${changed.state}; there is nothing to shelve.`);
        return changed;
      });
    },
  );
  app.get(
    '/anomalies',
    {
      schema: {
        tags,
        summary: 'Unusual behaviour of sensors, newest first',
        querystring: anomaliesQuery,
        response: { 200: anomalyPage },
      },
    },
    (request) => ask(api, request, (connection) => listAnomalies(connection, request.query)),
  );
  app.get(
    '/faults',
    {
      schema: {
        tags,
        summary: 'Diagnosed failures, newest first',
        querystring: faultsQuery,
        response: { 200: faultPage },
      },
    },
    (request) => ask(api, request, (connection) => listFaults(connection, request.query)),
  );
  app.get(
    '/reliability',
    {
      schema: {
        tags,
        summary: 'MTBF and MTTR by machine',
        querystring: reliabilityQuery,
        response: { 200: reliabilityPage },
      },
    },
    (request) => ask(api, request, (connection) => listReliability(connection, request.query)),
  );
}
