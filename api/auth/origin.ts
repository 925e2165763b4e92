import type { FastifyRequest } from 'fastify';
import { ProblemError } from '../problem.ts';

/**
 * Refuses a request that changes something and that a browser may have sent for another site. Browsers say where a
 * request comes from in Sec-Fetch-Site and Origin; programs say nothing, and pass only where no cookie speaks for them.
 */
export function needSameOrigin(request: FastifyRequest, options: { fromBrowser: boolean }): void {
  const { 'sec-fetch-site': site, origin, host } = request.headers;
  if (typeof site === 'string') {
    if (site === 'same-origin' || site === 'none') return;
  } else if (origin !== undefined) {
    if (URL.canParse(origin) && new URL(origin).host === host) return;
  } else if (!options.fromBrowser) {
    return;
  }
  throw new ProblemError(
    'cross-origin',
    'A change by session cookie must come from our own page; programs send the token as `Authorization: Bearer …`.',
  );
}
