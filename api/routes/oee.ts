import { ask, type Api, type App } from '../context.ts';
import { listDowntime, readDowntimePareto } from '../queries/downtime.ts';
import { readLiveOee } from '../queries/oee-live.ts';
import { listOee } from '../queries/oee.ts';
import { toRfc3339 } from '../queries/row.ts';
import { downtimePage, downtimeQuery } from '../schemas/downtime.ts';
import { liveOee, oeePage, oeeQuery } from '../schemas/oee.ts';
import { readRange } from './parameters.ts';

const dayMs = 86_400_000;

/** OEE and what it lost. */
export function addOee(app: App, api: Api): void {
  const tags = ['oee'];
  app.get(
    '/oee',
    {
      schema: {
        tags,
        summary: 'OEE by site, line or machine and shift, hour or day',
        querystring: oeeQuery,
        response: { 200: oeePage },
      },
    },
    (request) => {
      const { from, to } = readRange(request.query, api.clock(), dayMs, 400 * dayMs);
      return ask(api, request, (connection) => listOee(connection, { ...request.query, from, to }));
    },
  );
  app.get(
    '/oee/live',
    { schema: { tags, summary: 'OEE of the running shifts', response: { 200: liveOee } } },
    (request) => ask(api, request, (connection) => readLiveOee(connection, api.clock())),
  );
  app.get(
    '/downtime',
    {
      schema: {
        tags,
        summary: 'State intervals and their Pareto',
        querystring: downtimeQuery,
        response: { 200: downtimePage },
      },
    },
    async (request) => {
      const { query } = request;
      const { from, to } = readRange(query, api.clock(), dayMs, 400 * dayMs);
      const filters = { ...query, from, to };
      return ask(api, request, async (connection) => {
        const page = await listDowntime(connection, filters, api.clock());
        const pareto = query.cursor === undefined ? await readDowntimePareto(connection, filters, api.clock()) : [];
        return { ...page, from: asUtc(from), to: asUtc(to), pareto };
      });
    },
  );
}

/** A caller's time with an offset as the same time in UTC. */
function asUtc(time: string): string {
  return time.endsWith('Z') ? time : toRfc3339(new Date(time).toISOString().replace('Z', '+00'));
}
