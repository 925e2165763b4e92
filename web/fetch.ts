import { signal } from '@preact/signals';
import type { Problem } from '../api/schemas/problem.ts';

/** An answer that is not a success, or none at all. The message is one sentence for the person at the screen. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly status: number;
  readonly problem: Problem | null;
  constructor(message: string, status: number, problem: Problem | null, cause?: unknown) {
    super(message, { cause });
    this.status = status;
    this.problem = problem;
  }
}

/** Whether the server knows us: null until the first answer. A 401 anywhere turns it off and shows the login. */
export const signedIn = signal<boolean | null>(null);

/** A question that takes longer than this is given up with a sentence; a spinner without end is worse. */
const timeoutMs = 20_000;

/** GET of `/api/v1${path}`. Throws a RequestError; an aborted `signal` rejects with the signal's own reason. */
export function get<Answer>(path: string, abort?: AbortSignal): Promise<Answer> {
  return ask<Answer>('GET', path, undefined, abort);
}

/** POST of JSON to `/api/v1${path}`. Throws a RequestError. */
export function post<Answer>(path: string, body: unknown = {}): Promise<Answer> {
  return ask<Answer>('POST', path, body, undefined);
}

/** All items of a list, following `next`, at most `most` of them. */
export async function getAll<Item>(path: string, most = 5000, abort?: AbortSignal): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | null = null;
  do {
    const glue = path.includes('?') ? '&' : '?';
    const next: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page: { items: Item[]; next: string | null } = await get(`${path}${glue}limit=1000${next}`, abort);
    items.push(...page.items);
    cursor = page.next;
  } while (cursor !== null && items.length < most);
  return items;
}

async function ask<Answer>(method: string, path: string, body: unknown, abort?: AbortSignal): Promise<Answer> {
  const limit = AbortSignal.timeout(timeoutMs);
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      credentials: 'same-origin',
      signal: abort === undefined ? limit : AbortSignal.any([abort, limit]),
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
  } catch (error) {
    if (abort?.aborted === true) throw abort.reason;
    const sentence = limit.aborted
      ? `The server did not answer within ${timeoutMs / 1000} s.`
      : 'The server cannot be reached from this browser.';
    throw new RequestError(sentence, 0, null, error);
  }
  if (response.status === 401) signedIn.value = false;
  if (response.ok) {
    if (path !== '/login') signedIn.value = true;
    return response.status === 204 ? (undefined as Answer) : ((await response.json()) as Answer);
  }
  const problem = (await response.json().catch(() => null)) as Problem | null;
  throw new RequestError(sentenceOf(response.status, problem), response.status, problem);
}

function sentenceOf(status: number, problem: Problem | null): string {
  if (problem === null) return `The server answered ${status}.`;
  const wrong = problem.errors?.map((error) => `${error.field}: ${error.accepted}`).join('; ');
  return wrong === undefined || wrong === '' ? problem.detail || problem.title : `${problem.detail} (${wrong})`;
}

/** What a page says about an error of any kind. */
export function sentenceFor(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
