import { ask, type Api, type App } from '../context.ts';
import { notFound } from '../problem.ts';
import { listReadings } from '../queries/readings.ts';
import { readSeries } from '../queries/series.ts';
import { listSignals, readSignal } from '../queries/signals.ts';
import { readingPage, readingsQuery, series, seriesQuery } from '../schemas/reading.ts';
import { signalDetail, signalPage, signalsQuery } from '../schemas/signal.ts';
import { idParameters, readRange } from './parameters.ts';

/** Signals, their raw readings and their series. */
export function addSignals(app: App, api: Api): void {
  const tags = ['signals'];
  app.get(
    '/signals',
    {
      schema: {
        tags,
        summary: 'Signals with their newest reading',
        querystring: signalsQuery,
        response: { 200: signalPage },
      },
    },
    (request) => ask(api, request, (connection) => listSignals(connection, request.query)),
  );
  app.get(
    '/signals/:id',
    {
      schema: {
        tags,
        summary: 'One signal and where it comes from',
        params: idParameters,
        response: { 200: signalDetail },
      },
    },
    async (request) => {
      const signal = await ask(api, request, (connection) => readSignal(connection, request.params.id));
      if (signal === undefined) throw notFound('signal', request.params.id);
      return signal;
    },
  );
  app.get(
    '/signals/:id/readings',
    {
      schema: {
        tags,
        summary: 'Raw readings, oldest first',
        params: idParameters,
        querystring: readingsQuery,
        response: { 200: readingPage },
      },
    },
    async (request) => {
      const page = await ask(api, request, (connection) => listReadings(connection, request.params.id, request.query));
      if (page === undefined) throw notFound('signal', request.params.id);
      return page;
    },
  );
  app.get(
    '/signals/:id/series',
    {
      schema: {
        tags,
        summary: 'A range in a resolution that fits a chart',
        params: idParameters,
        querystring: seriesQuery,
        response: { 200: series },
      },
    },
    async (request) => {
      const { fromMs, toMs } = readRange(request.query, api.clock(), 3_600_000);
      const { points } = request.query;
      const answer = await ask(api, request, (connection) =>
        readSeries(connection, request.params.id, { fromMs, toMs, points }, api.clock()),
      );
      if (answer === undefined) throw notFound('signal', request.params.id);
      return answer;
    },
  );
}
