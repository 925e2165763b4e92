import { readdirSync } from 'node:fs';
import { toTimestamp } from '../../core/clock.ts';
import type { Api, App } from '../context.ts';
import { readReadiness, type ReadinessRow } from '../queries/readiness.ts';
import { gatewaySilentSeconds } from '../queries/sources.ts';
import { liveness, readiness, type Readiness } from '../schemas/health.ts';

const feedSilentSeconds = 60;
const analyticsLagSeconds = 60;
/** After this long a database that does not answer counts as away; probes usually wait a few seconds themselves. */
const databaseLimitMs = 3000;

/** Whether the process lives, and whether it can do its work, in sentences for whoever is called at night. */
export function addHealth(app: App, api: Api): void {
  const tags = ['operation'];
  const codeVersion = newestMigration();
  app.get(
    '/health/live',
    { schema: { tags, summary: 'The process answers', security: [], response: { 200: liveness } } },
    () => ({
      live: true as const,
    }),
  );
  app.get(
    '/health/ready',
    {
      schema: {
        tags,
        summary: 'Database, migrations, gateway, feed and analytics',
        security: [],
        response: { 200: readiness, 503: readiness },
      },
    },
    async (_request, reply) => {
      const nowMs = api.clock();
      const row = await within(databaseLimitMs, readReadiness(api.database, nowMs)).catch(
        (error: unknown) => error as Error,
      );
      const parts = row instanceof Error ? partsWithoutDatabase(row) : partsOf(row, codeVersion);
      const ready = parts.every((part) => part.ok || !part.needed);
      return reply.code(ready ? 200 : 503).send({ ready, server_time: toTimestamp(nowMs), parts });
    },
  );
}

function partsOf(row: ReadinessRow, codeVersion: number): Readiness['parts'] {
  const { migration, gateways, heartbeat_age, feed_age, analytics_age, troubles, unbalanced } = row;
  return [
    { name: 'database', ok: true, needed: true, sentence: 'The database answers.' },
    {
      name: 'migrations',
      ok: migration === codeVersion,
      needed: true,
      sentence:
        migration === codeVersion
          ? `The database is at migration ${migration}.`
          : `The database is at migration ${migration ?? 'none'} and this code at ${codeVersion}; run npm run migrate with the newer Millrace.`,
    },
    {
      name: 'gateway',
      ok: heartbeat_age !== null && heartbeat_age <= gatewaySilentSeconds && troubles.length === 0,
      needed: false,
      sentence:
        gateways === 0 || heartbeat_age === null
          ? 'No gateway has ever reported; start ingest.'
          : [
              `The last heartbeat of ingest was ${seconds(heartbeat_age)}.`,
              // The gateway's own words: disk_failing, journal_full, dropping, not_storing, journal_damaged.
              ...troubles.map(({ gateway_id, status, message }) => `Gateway ${gateway_id} is ${status}: ${message}`),
            ].join(' '),
    },
    {
      name: 'feed',
      ok: feed_age !== null && feed_age <= feedSilentSeconds,
      needed: false,
      sentence:
        feed_age === null
          ? 'No batch of readings is in the feed.'
          : `The newest batch of readings was stored ${seconds(feed_age)}.`,
    },
    analyticsPart(feed_age, analytics_age),
    {
      name: 'books',
      ok: unbalanced.length === 0,
      needed: false,
      sentence: unbalanced.length === 0 ? 'No open alarm says that books do not balance.' : unbalanced.join(' '),
    },
  ];
}

/** Behind is who lags behind the feed: of a silent feed there is nothing to take. */
function analyticsPart(feedAge: number | null, age: number | null): Readiness['parts'][number] {
  const ok = feedAge === null || (age !== null && age - feedAge <= analyticsLagSeconds);
  return { name: 'analytics', ok, needed: false, sentence: sentence() };

  function sentence(): string {
    if (age === null && feedAge === null) return 'There is nothing to take yet.';
    if (age === null) return 'Analytics has never taken a reading; start analytics.';
    if (ok) return `The newest readings that analytics has taken were stored ${seconds(age)}.`;
    return `Analytics lags: the newest readings that it has taken were stored ${seconds(age)}. States, OEE, alarms and orders are as old.`;
  }
}

function seconds(age: number): string {
  return `${Math.max(0, Math.round(age))} s ago`;
}

function partsWithoutDatabase(error: Error): Readiness['parts'] {
  const isUnmigrated = (error as { code?: unknown }).code === '42P01';
  return [
    {
      name: 'database',
      ok: isUnmigrated,
      needed: true,
      sentence: isUnmigrated
        ? 'The database answers.'
        : 'The database does not answer; see the log of the API for the reason.',
    },
    {
      name: 'migrations',
      ok: false,
      needed: true,
      sentence: isUnmigrated
        ? 'The database is not migrated; run npm run migrate.'
        : 'Not known while the database does not answer.',
    },
  ];
}

/** The number of the newest migration file: what the database must be at for this code. */
function newestMigration(): number {
  const files = readdirSync(new URL('../../migrations/', import.meta.url), { recursive: true, encoding: 'utf8' });
  return Math.max(
    ...files.map((file) => Number(/(?:^|\/)(\d{6})_[^/]*\.sql$/.exec(file.replaceAll('\\', '/'))?.[1] ?? 0)),
  );
}

async function within<Result>(limitMs: number, work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
