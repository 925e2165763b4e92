import { z } from 'zod';
import { toTimestamp } from '../../core/clock.ts';
import { judgeBalance } from '../balance.ts';
import { ask, change, needRole, type Api, type App } from '../context.ts';
import { notFound, ProblemError } from '../problem.ts';
import { ignoreDiscovered, listDiscovered } from '../queries/discovered.ts';
import { listGaps } from '../queries/gaps.ts';
import { listLedger, readBalance, readLedgerTotals } from '../queries/ledger.ts';
import { mapDiscovered } from '../queries/map-discovered.ts';
import { listRejected, requestReplay, requestReplays } from '../queries/rejected.ts';
import { listGateways, listSources } from '../queries/sources.ts';
import { discoveredPage, discoveredQuery, mapAnswer, mapBody } from '../schemas/discovered.ts';
import {
  gapPage,
  gapsQuery,
  ledger,
  ledgerQuery,
  rejectedPage,
  rejectedQuery,
  replayAnswer,
  replayBody,
} from '../schemas/ledger.ts';
import { sourcesAnswer } from '../schemas/source.ts';
import { eventIdParameters, idParameters, readRange } from './parameters.ts';

const hourMs = 3_600_000;
const balanceDays = 31;
/** A minute is refreshed within 10 s of its end; readings may come two minutes late without being noted as late. */
const rollupDelayMs = 120_000;

/** How many hours one question may span: some 200,000 rollup rows at most for the reference plant. */
function mostGapHours(query: { per: 'minute' | 'hour'; line?: unknown; machine?: unknown; signal?: unknown }): number {
  if (query.per === 'hour' || query.signal !== undefined) return 31 * 24;
  if (query.machine !== undefined) return 7 * 24;
  return query.line !== undefined ? 24 : 2;
}

/** The books, and what did not become a stored reading. */
export function addLedger(app: App, api: Api): void {
  const tags = ['ledger'];
  app.get(
    '/ledger',
    {
      schema: {
        tags,
        summary: 'The books and whether they balance',
        querystring: ledgerQuery,
        response: { 200: ledger },
      },
    },
    (request) => {
      const { query } = request;
      const { from, to, fromMs, toMs } = readRange(query, api.clock(), hourMs, 400 * 24 * hourMs);
      return ask(api, request, async (connection) => {
        const { sources, inJournal } = await readBalance(connection, balanceDays);
        const totals = await readLedgerTotals(connection, { ...query, from, to });
        const page = await listLedger(connection, { ...query, from, to });
        return {
          ...judgeBalance(sources),
          in_journal: inJournal,
          from: toTimestamp(fromMs),
          to: toTimestamp(toMs),
          per: query.per,
          totals,
          sources,
          ...page,
        };
      });
    },
  );
  app.get(
    '/ledger/gaps',
    {
      schema: {
        tags,
        summary: 'When readings were missing, by minute or hour',
        querystring: gapsQuery,
        response: { 200: gapPage },
      },
    },
    (request) => {
      const { query } = request;
      const nowMs = api.clock();
      const mostMs = mostGapHours(query) * hourMs;
      const { from, fromMs, toMs } = readRange(query, nowMs, Math.min(24 * hourMs, mostMs), mostMs);
      // The rollups are complete up to a little before now; what is not there yet is not missing.
      const to = toTimestamp(Math.max(fromMs, Math.min(toMs, nowMs - rollupDelayMs)));
      return ask(api, request, (connection) => listGaps(connection, { ...query, from, to }));
    },
  );
  app.get(
    '/rejected',
    {
      schema: {
        tags,
        summary: 'Rejected readings, newest first',
        querystring: rejectedQuery,
        response: { 200: rejectedPage },
      },
    },
    (request) => ask(api, request, (connection) => listRejected(connection, request.query)),
  );
  app.post(
    '/rejected/:id/replay',
    {
      schema: {
        tags,
        summary: 'Try a rejected reading once more',
        params: eventIdParameters,
        response: { 202: replayAnswer },
      },
    },
    async (request, reply) => {
      needRole(request, ['engineer']);
      const { id } = request.params;
      const hindrance = await change(api, request, (connection) => requestReplay(connection, id));
      if (hindrance === undefined) throw notFound('rejected reading', id);
      if (hindrance !== null)
        throw new ProblemError('conflict', `Rejected reading ${id} cannot be replayed. ${hindrance}`);
      return reply.code(202).send({ requested: 1 });
    },
  );
  app.post(
    '/rejected/replay',
    {
      schema: {
        tags,
        summary: 'Try all rejected readings of a reason or source once more',
        body: replayBody,
        response: { 202: replayAnswer },
      },
    },
    async (request, reply) => {
      needRole(request, ['engineer']);
      const requested = await change(api, request, (connection) => requestReplays(connection, request.body));
      return reply.code(202).send({ requested });
    },
  );
  app.get(
    '/sources',
    { schema: { tags, summary: 'What speaks to us, and the gateways', response: { 200: sourcesAnswer } } },
    (request) =>
      ask(api, request, async (connection) => ({
        items: await listSources(connection, api.clock()),
        next: null,
        gateways: await listGateways(connection, api.clock()),
      })),
  );
  app.get(
    '/discovered',
    {
      schema: {
        tags,
        summary: 'Addresses that are mapped to nothing',
        querystring: discoveredQuery,
        response: { 200: discoveredPage },
      },
    },
    (request) => ask(api, request, (connection) => listDiscovered(connection, request.query)),
  );
  app.post(
    '/discovered/:id/map',
    {
      schema: {
        tags,
        summary: 'Make a signal of it, or map it to signal_id; parked readings follow',
        params: idParameters,
        body: mapBody,
        response: { 201: mapAnswer },
      },
    },
    async (request, reply) => {
      const { organization_id } = needRole(request, ['engineer']);
      const { id } = request.params;
      const { name, machine_id = 0, signal_id = 0 } = request.body;
      const signal = await change(api, request, async (connection) => {
        const outcome = await mapDiscovered(connection, id, organization_id, request.body);
        switch (outcome) {
          case 'no such address':
            throw notFound('discovered address', id);
          case 'no such machine':
            throw notFound('machine', machine_id);
          case 'no such signal':
            throw notFound('signal', signal_id);
          case 'name taken':
            throw new ProblemError('conflict', `Machine ${machine_id} already has a signal ${name}.`);
          case 'address taken':
            throw new ProblemError('conflict', 'The address is already mapped to another signal.');
          default:
            return outcome;
        }
      });
      return reply.code(201).header('location', `/api/v1/signals/${signal.signal_id}`).send(signal);
    },
  );
  app.post(
    '/discovered/:id/ignore',
    {
      schema: {
        tags,
        summary: 'Leave it out of the list, or take it back in',
        params: idParameters,
        body: z.object({ ignored: z.boolean().default(true) }),
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      needRole(request, ['engineer']);
      const found = await change(api, request, (connection) =>
        ignoreDiscovered(connection, request.params.id, request.body.ignored),
      );
      if (!found) throw notFound('discovered address', request.params.id);
      return reply.code(204).send(null);
    },
  );
}
