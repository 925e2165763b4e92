import type { FastifyReply, FastifyRequest } from 'fastify';
import { metric, type Metric } from '../core/metrics.ts';

interface RouteMetrics {
  buckets: readonly (readonly [number, Metric])[];
  sum: Metric;
  count: Metric;
  failures: Metric;
}

const boundsSeconds = [0.005, 0.02, 0.1, 0.5, 2, Number.POSITIVE_INFINITY];
const help = 'Time from request to answer.';
const ofRoute = new Map<string, RouteMetrics>();

/** Counts one answered request in the histogram of its route. Routes are few; unknown paths count as one. */
export function measureRequest(request: FastifyRequest, reply: FastifyReply): void {
  const route = `${request.method} ${request.routeOptions.url ?? 'unknown'}`;
  let metrics = ofRoute.get(route);
  if (metrics === undefined) {
    metrics = createRouteMetrics(route);
    ofRoute.set(route, metrics);
  }
  const seconds = reply.elapsedTime / 1000;
  for (const [bound, bucket] of metrics.buckets) if (seconds <= bound) bucket.inc();
  metrics.sum.inc(seconds);
  metrics.count.inc();
  if (reply.statusCode >= 500) metrics.failures.inc();
}

function createRouteMetrics(route: string): RouteMetrics {
  const name = 'millrace_http_request_duration_seconds';
  return {
    buckets: boundsSeconds.map((bound) => {
      const le = bound === Number.POSITIVE_INFINITY ? '+Inf' : String(bound);
      return [bound, metric('counter', `${name}_bucket`, help, { route, le })] as const;
    }),
    sum: metric('counter', `${name}_sum`, help, { route }),
    count: metric('counter', `${name}_count`, help, { route }),
    failures: metric('counter', 'millrace_http_failures_total', 'Answers with a status of 500 or more.', { route }),
  };
}
