import type { FastifyReply, FastifyRequest } from 'fastify';
import { histogram, metric, type Metric } from '../core/metrics.ts';

interface RouteMetrics {
  durations: { observe(seconds: number): void };
  failures: Metric;
}

const boundsSeconds = [0.005, 0.02, 0.1, 0.5, 2];
const ofRoute = new Map<string, RouteMetrics>();

/** Counts one answered request in the histogram of its route. Routes are few; unknown paths count as one. */
export function measureRequest(request: FastifyRequest, reply: FastifyReply): void {
  const route = `${request.method} ${request.routeOptions.url ?? 'unknown'}`;
  let metrics = ofRoute.get(route);
  if (metrics === undefined) {
    const name = 'millrace_http_request_duration_seconds';
    metrics = {
      durations: histogram(name, 'Time from request to answer.', boundsSeconds, { route }),
      failures: metric('counter', 'millrace_http_failures_total', 'Answers with a status of 500 or more.', { route }),
    };
    ofRoute.set(route, metrics);
  }
  metrics.durations.observe(reply.elapsedTime / 1000);
  if (reply.statusCode >= 500) metrics.failures.inc();
}
