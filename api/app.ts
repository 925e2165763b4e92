import fastifyCookie from '@fastify/cookie';
import fastify, { LogController } from 'fastify';
import { serializerCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { now, type Clock } from '../core/clock.ts';
import type { Database } from '../core/database.ts';
import type { Log } from '../core/log.ts';
import type { Settings } from '../core/settings.ts';
import { authenticate } from './auth/authenticate.ts';
import type { Api, App } from './context.ts';
import { describeApi } from './describe-api.ts';
import { createLive, type LiveOptions } from './live/live.ts';
import { collectMethods } from './methods.ts';
import { addPage } from './page.ts';
import { sendProblem } from './problem.ts';
import { measureRequest } from './request-metrics.ts';
import { addAlarms } from './routes/alarms.ts';
import { addHealth } from './routes/health.ts';
import { addLedger } from './routes/ledger.ts';
import { addMetrics } from './routes/metrics.ts';
import { addOee } from './routes/oee.ts';
import { addPlant } from './routes/plant.ts';
import { addLogin, addSession } from './routes/session.ts';
import { addSignals } from './routes/signals.ts';
import { addStream } from './routes/stream.ts';
import { addWorkOrders } from './routes/work-orders.ts';
import { securityHeaders } from './security-headers.ts';
import { compileValidator } from './validate.ts';

export interface AppOptions {
  settings: Settings;
  database: Database;
  log: Log;
  clock?: Clock;
  /** Pace and limits of the live stream; the defaults are for production. */
  live?: Pick<LiveOptions, 'maxClients' | 'tickMs' | 'heartbeatMs' | 'slowMs' | 'sessionsMs'>;
  /** Where the built page lies. */
  pageFolder?: string;
}

const bodyLimitBytes = 256 * 1024;

/** The whole API as a Fastify instance that does not listen yet. Closing it ends all streams; the database stays the caller's. */
export async function buildApp(options: AppOptions): Promise<App> {
  const { settings, database, log, clock = now } = options;
  const live = createLive({ database, log, clock, ...options.live });
  const api: Api = { settings, database, log, clock, live };
  const startedAt = clock().toString(36);
  let requests = 0;
  const app: App = fastify({
    loggerInstance: log,
    // Requests are counted (request-metrics.ts) and only slow or failed ones logged: two lines a request say little.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: bodyLimitBytes,
    // Without it `close` waits forever for open streams (measured: still pending after 3 s, 0 ms with it).
    forceCloseConnections: true,
    requestTimeout: 30_000,
    trustProxy: settings.TRUST_PROXY ?? false,
    genReqId: () => `${startedAt}-${(++requests).toString(36)}`,
  }).withTypeProvider<ZodTypeProvider>();

  app.setValidatorCompiler(compileValidator);
  app.setSerializerCompiler(serializerCompiler);
  // JSON only: a form or a plain text that another site can send without asking is refused with 415.
  app.removeContentTypeParser('text/plain');
  app.decorateRequest('employee', null);
  app.setErrorHandler((error, request, reply) => sendProblem(request, reply, error, log));
  app.addHook('onRequest', async (_request, reply) => {
    void reply.headers(securityHeaders);
  });
  app.addHook('onResponse', async (request, reply) => {
    measureRequest(request, reply);
    if (reply.elapsedTime > 1000)
      log.warn({ request_id: request.id, url: request.url, ms: Math.round(reply.elapsedTime) }, 'a slow request');
  });
  app.addHook('preClose', () => live.close());

  const methodsOf = collectMethods(app);
  await app.register(fastifyCookie);
  await describeApi(app);
  addHealth(app, api);
  addMetrics(app, api);
  await app.register(
    async (open: App) => {
      addLogin(open, api);
      await open.register(async (guarded: App) => {
        guarded.addHook('onRequest', (request) => authenticate(database, request));
        addSession(guarded, api);
        addPlant(guarded, api);
        addSignals(guarded, api);
        addOee(guarded, api);
        addAlarms(guarded, api);
        addWorkOrders(guarded, api);
        addLedger(guarded, api);
        addStream(guarded, api);
      });
    },
    { prefix: '/api/v1' },
  );
  await addPage(app, methodsOf, options.pageFolder);
  return app;
}
