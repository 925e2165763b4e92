import { z } from 'zod';
import { monotonic } from '../../core/clock.ts';
import { employeeOf, type Api, type App } from '../context.ts';
import { createClient } from '../live/client.ts';
import { parseTopics, type Scope } from '../live/scope.ts';
import { ProblemError } from '../problem.ts';
import { streamQuery } from '../schemas/stream.ts';

/** The live stream. The events are described in schemas/stream.ts. */
export function addStream(app: App, api: Api): void {
  app.get(
    '/stream',
    {
      // A HEAD request would open a stream that nobody reads.
      exposeHeadRoute: false,
      schema: {
        tags: ['live'],
        summary: 'Server-sent events: a snapshot, then changes',
        querystring: streamQuery,
        response: {
          200: {
            description: 'Events: snapshot, values, states, oee, alarms, work_orders, heartbeat',
            content: { 'text/event-stream': { schema: z.string() } },
          },
        },
      },
    },
    (request, reply) => {
      const { organization_id, token_hash } = employeeOf(request);
      const { machine, line, topics } = request.query;
      const scope: Scope = {
        topics: parseTopics(topics),
        ...(machine !== undefined && { machine }),
        ...(line !== undefined && { line }),
      };
      const response = reply.raw;
      const client = createClient(response, { organization_id, token_hash }, scope, monotonic);
      if (!api.live.hasRoom()) {
        throw new ProblemError('unavailable', 'Too many live streams are open; try again.', {
          retry_after_seconds: 10,
        });
      }
      reply.hijack();
      response.writeHead(200, {
        ...reply.getHeaders(),
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-cache, no-transform',
        'x-accel-buffering': 'no',
        connection: 'keep-alive',
      } as Record<string, string>);
      // The head goes out at once, and the browser learns how soon to come back: spread, so that a restart is no stampede.
      response.write(`retry: ${2000 + Math.floor(Math.random() * 1000)}\n\n`);
      request.raw.socket.setNoDelay(true);
      response.on('close', () => api.live.leave(client));
      api.live.join(client);
    },
  );
}
