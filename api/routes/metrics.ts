import { z } from 'zod';
import { exposeMetrics, metric } from '../../core/metrics.ts';
import type { Api, App } from '../context.ts';
import { readGatewayMetrics, readLedgerMetrics } from '../queries/metrics.ts';

/** Prometheus text: this process, and from the database what gateways and ledger say. */
export function addMetrics(app: App, api: Api): void {
  app.get(
    '/metrics',
    {
      schema: {
        tags: ['operation'],
        summary: 'Prometheus metrics',
        security: [],
        response: {
          200: { description: 'Text exposition format 0.0.4', content: { 'text/plain': { schema: z.string() } } },
        },
      },
    },
    async (_request, reply) => {
      // The metrics of this process are worth having also while the database is away.
      const isUp = metric('gauge', 'millrace_database_up', 'Whether the database answered this scrape.');
      try {
        await collect(api);
        isUp.set(1);
      } catch (error) {
        isUp.set(0);
        api.log.warn({ error }, 'the metrics of the database could not be read');
      }
      return reply.type('text/plain; version=0.0.4; charset=utf-8').send(exposeMetrics());
    },
  );
}

async function collect(api: Api): Promise<void> {
  const nowMs = api.clock();
  for (const gateway of await readGatewayMetrics(api.database)) {
    const labels = { gateway: String(gateway.gateway_id) };
    metric('gauge', 'millrace_journal_readings', 'Readings journaled and not stored yet.', labels).set(
      gateway.journal_readings,
    );
    metric('gauge', 'millrace_journal_bytes', 'Size of the journal.', labels).set(gateway.journal_bytes);
    metric('counter', 'millrace_batches_total', 'Batches committed.', labels).set(gateway.last_sequence);
    if (gateway.reported_at_ms !== null) {
      const age = Math.max(0, nowMs - gateway.reported_at_ms) / 1000;
      metric('gauge', 'millrace_gateway_heartbeat_age_seconds', 'Since the last heartbeat of ingest.', labels).set(age);
    }
    for (const [name, value] of Object.entries(gateway.status)) {
      if (typeof value === 'number')
        metric('gauge', 'millrace_gateway_status', 'Numbers of the heartbeat of ingest.', { ...labels, name }).set(
          value,
        );
    }
  }
  for (const { organization, source, outcome, readings } of await readLedgerMetrics(api.database, nowMs)) {
    const text = 'Readings by what became of them, from midnight UTC on (a counter that starts again each day).';
    metric('counter', 'millrace_ledger_readings_total', text, { organization, source, outcome }).set(readings);
  }
}
