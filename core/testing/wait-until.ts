import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Asks `condition` again and again until it answers something other than false, null or undefined, and answers that.
 * After `limitMs` (10 s) it fails with `what` and the last answer or error, so that a test says what it waited for.
 */
export async function waitUntil<Answer>(
  what: string,
  condition: () => Answer | Promise<Answer>,
  options: { limitMs?: number; everyMs?: number } = {},
): Promise<Exclude<Answer, false | null | undefined>> {
  const { limitMs = 10_000, everyMs = 20 } = options;
  const deadline = performance.now() + limitMs;
  for (;;) {
    let answer: Answer | undefined;
    let failure: unknown;
    try {
      answer = await condition();
      if (answer !== false && answer !== null && answer !== undefined) {
        return answer as Exclude<Answer, false | null | undefined>;
      }
    } catch (error) {
      failure = error;
    }
    if (performance.now() > deadline) {
      const last =
        failure === undefined
          ? `the last answer was ${JSON.stringify(answer)}`
          : `it last failed with: ${describe(failure)}`;
      throw new Error(`Waited ${limitMs} ms in vain until ${what}; ${last}.`, { cause: failure });
    }
    await sleep(everyMs);
  }
}

function describe(failure: unknown): string {
  return failure instanceof Error ? `${failure.name}: ${failure.message}` : JSON.stringify(failure);
}
