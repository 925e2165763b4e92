export interface HostileMessage {
  topic: string;
  payload: Buffer;
}

/** Seeded, so that a failure can be repeated. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A Sparkplug B payload with one metric, written by hand: timestamp, metric { name, datatype 10, double }, seq. */
const sparkplug = Buffer.from(
  '0880c0ece7af33120f0a01741880c0ece7af33200a69000000000000354018 00'.replaceAll(' ', ''),
  'hex',
);

/**
 * `count` messages of which not one holds a reading, in groups of `each`: random bytes, truncated Sparkplug, JSON ten
 * thousand levels deep, numbers beyond float8, NaN, wrong shapes, hostile topics (names that no index can hold, U+0000), and
 * four messages of 10 MB, three of them together.
 */
export function* hostileMessages(enterprise: string, count: number, each: number): Generator<HostileMessage[]> {
  const random = createRandom(23);
  const randomBytes = (most: number): Buffer =>
    Buffer.from(Array.from({ length: Math.floor(random() * most) }, () => Math.floor(random() * 256)));
  // Of the 20,000 characters of the block no two texts are alike, so that PostgreSQL cannot compress them.
  const chinese = (length: number): string =>
    Array.from({ length }, () => String.fromCodePoint(0x4e00 + Math.floor(random() * 20_000))).join('');
  const hex = (length: number): string => Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join('');
  const signal = `${enterprise}/berlin/line-01/m-001/t-1`;
  const machine = `${enterprise}/berlin/line-01/m-001`;
  const deep = `${'['.repeat(10_000)}${']'.repeat(10_000)}`;
  const kinds: ((index: number) => HostileMessage)[] = [
    // A first byte of 0xff is never UTF-8, so that random bytes are never a number by chance.
    () => ({ topic: signal, payload: Buffer.concat([Buffer.from([0xff]), randomBytes(300)]) }),
    () => ({ topic: signal, payload: sparkplug.subarray(0, 1 + Math.floor(random() * sparkplug.length)) }),
    () => ({
      topic: `spBv1.0/${enterprise}-berlin/DDATA/line-01/m-001`,
      // Within the metric: what ends before it is a whole payload without metrics.
      payload: sparkplug.subarray(0, 8 + Math.floor(random() * 15)),
    }),
    (index) => ({ topic: signal, payload: Buffer.from(index % 50 === 0 ? deep : '[[[[[[]]]]]]') }),
    () => ({ topic: signal, payload: Buffer.from('{"ts": 1772352930123, "value": 1e999}') }),
    () => ({ topic: signal, payload: Buffer.from('{"ts": 1772352930123, "value": NaN}') }),
    () => ({ topic: signal, payload: Buffer.from('{"ts": 1772352930123, "value": 9007199254740993}') }),
    () => ({ topic: signal, payload: Buffer.from('{"ts": 1e300, "value": 1}') }),
    () => ({ topic: signal, payload: Buffer.from('{"ts": "yesterday", "value": 1}') }),
    () => ({ topic: signal, payload: Buffer.from('{"ts": 0, "value": 1}') }),
    () => ({ topic: signal, payload: Buffer.from('{"ts": 1772352930123, "value": {"a": [1]}}') }),
    () => ({ topic: machine, payload: Buffer.from('{"ts": 1772352930123, "values": {"__proto__x/y": 1}}') }),
    () => ({ topic: machine, payload: Buffer.from('{"ts": 1772352930123, "values": 7}') }),
    () => ({ topic: signal, payload: Buffer.alloc(0) }),
    (index) => ({ topic: `${enterprise}/${'x/'.repeat(3 + (index % 40))}y`, payload: Buffer.from('1') }),
    (index) => ({ topic: `${enterprise}/'; drop table reading; --/${index}`, payload: Buffer.from('{"value": 1}') }),
    (index) => ({ topic: `${enterprise}//${String.fromCodePoint(0x1f4a9)}/${index}/m`, payload: Buffer.from('{}') }),
    () => ({ topic: `${enterprise}/${'a'.repeat(20_000)}`, payload: Buffer.from('{"value": 1}') }),
    () => ({ topic: `${machine}/${chinese(980)}`, payload: Buffer.from('{"value": 1}') }),
    () => ({ topic: `${enterprise}/berlin/${chinese(980)}/m-001/t-1`, payload: Buffer.from('{"value": 1}') }),
    () => ({ topic: machine, payload: Buffer.from(JSON.stringify({ values: { [chinese(980)]: 1 } })) }),
    () => ({ topic: `${enterprise}/ber\u0000lin/line-01/m-001/t-1`, payload: Buffer.from('{"value": 1}') }),
    () => ({ topic: `${enterprise}/berlin/line\u0000/m-001/t-1`, payload: Buffer.from('{"value": 1}') }),
    () => ({ topic: `${machine}/t\u0000`, payload: Buffer.from('{"value": 1}') }),
    () => ({ topic: `spBv1.0/${hex(6000)}/DDATA/line-01/m-001`, payload: sparkplug }),
    () => ({ topic: `spBv1.0/${enterprise}-ber\u0000lin/DDATA/line-01/m-001`, payload: sparkplug }),
  ];
  for (let from = 0; from < count; from += each) {
    yield Array.from({ length: Math.min(each, count - from) }, (_, place): HostileMessage => {
      const index = from + place;
      if ((index >= 7 && index < 10) || index === 50_007)
        return { topic: signal, payload: Buffer.alloc(10_000_000, '{') };
      return (kinds[index % kinds.length] ?? kinds[0])?.(index) ?? { topic: signal, payload: Buffer.alloc(0) };
    });
  }
}
