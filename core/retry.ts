/** How long to wait before trying again, and for which failures trying again can help at all. */
export interface RetryRule {
  minMs: number;
  maxMs: number;
}

/**
 * The SQLSTATEs and socket errors after which the same statement may succeed. Anything not listed is thrown at once,
 * because repeating a wrong statement only hides it. Classes: 08 connection, 40 transaction rollback,
 * 53 insufficient resources, 55 lock not available, 57 operator intervention (PostgreSQL manual, appendix A).
 */
const retryable = new Map<string, RetryRule>([
  ['08000', { minMs: 100, maxMs: 5000 }],
  ['08001', { minMs: 100, maxMs: 5000 }],
  ['08003', { minMs: 100, maxMs: 5000 }],
  ['08004', { minMs: 100, maxMs: 5000 }],
  ['08006', { minMs: 100, maxMs: 5000 }],
  // A server that has become a standby: the same statement succeeds when the connection leads to the primary again.
  ['25006', { minMs: 500, maxMs: 10_000 }],
  ['40001', { minMs: 5, maxMs: 500 }],
  ['40P01', { minMs: 20, maxMs: 1000 }],
  ['53000', { minMs: 500, maxMs: 10_000 }],
  ['53100', { minMs: 1000, maxMs: 15_000 }],
  ['53200', { minMs: 500, maxMs: 10_000 }],
  ['53300', { minMs: 200, maxMs: 5000 }],
  ['55P03', { minMs: 50, maxMs: 1000 }],
  ['57014', { minMs: 100, maxMs: 5000 }],
  ['57P01', { minMs: 200, maxMs: 5000 }],
  ['57P02', { minMs: 200, maxMs: 5000 }],
  ['57P03', { minMs: 200, maxMs: 5000 }],
  ['57P05', { minMs: 100, maxMs: 5000 }],
  ['ECONNREFUSED', { minMs: 100, maxMs: 5000 }],
  ['ECONNRESET', { minMs: 100, maxMs: 5000 }],
  ['EPIPE', { minMs: 100, maxMs: 5000 }],
  ['ETIMEDOUT', { minMs: 100, maxMs: 5000 }],
  ['EHOSTUNREACH', { minMs: 500, maxMs: 10_000 }],
  ['ENETUNREACH', { minMs: 500, maxMs: 10_000 }],
  ['ENOTFOUND', { minMs: 1000, maxMs: 15_000 }],
  ['EAI_AGAIN', { minMs: 1000, maxMs: 15_000 }],
]);

/** Messages of node-postgres that carry no code but mean "the connection is gone". */
const connectionLost = [
  'Connection terminated',
  'Client has encountered a connection error',
  'timeout exceeded when trying to connect',
  'Client was closed',
  'Query read timeout',
];

/** The rule for a failure, or undefined when trying again cannot help. Looks through `cause` and aggregated errors. */
export function retryRule(error: unknown): RetryRule | undefined {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    const code = (cause as { code?: unknown }).code;
    const rule = typeof code === 'string' ? retryable.get(code) : undefined;
    if (rule !== undefined) return rule;
    const message = cause.message;
    if (connectionLost.some((text) => message.includes(text))) return { minMs: 100, maxMs: 5000 };
    if (cause instanceof AggregateError) {
      for (const inner of cause.errors) {
        const innerRule = retryRule(inner);
        if (innerRule !== undefined) return innerRule;
      }
    }
  }
  return undefined;
}

/**
 * SQLSTATE classes that find fault with the session, the role, the schema or the server, whatever rows a statement
 * carries: 08 to 57 as above, 25 and 26 session, 28 role, 3D and 3F names, 42 access and missing tables, 58, F0 and
 * XX001/XX002 the server's files.
 */
const notTheData = /^(08|25|26|28|3D|3F|40|42|53|55|57|58|F0|XX00[12])/;

/**
 * Whether a failure may be the fault of the data that a statement carried, so that others would pass: the database's
 * answer outside of `notTheData`, or an error of our own code. What is neither this nor retryable waits for a person.
 */
export function mayBeTheData(error: unknown): boolean {
  if (error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError) return true;
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !notTheData.test(code);
}

/**
 * The delay before attempt `attempt` (1 is the first repeat): doubling from `minMs` to `maxMs`, each drawn evenly from
 * the upper half so that many clients do not return at once. With 100..5000 ms: about 75, 150, 300, 600, 1200, 2400, 3750 ms.
 */
export function retryDelay(rule: RetryRule, attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(rule.maxMs, rule.minMs * 2 ** Math.min(attempt - 1, 30));
  return ceiling / 2 + (random() * ceiling) / 2;
}
