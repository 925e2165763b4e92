import { appendReading, createColumns, type ReadingColumns } from '../../core/reading-columns.ts';
import type { JournaledIntake } from '../journal/record.ts';
import type { RejectedReading } from '../receive/receiver.ts';
import { keepValue } from '../resolve/kept-value.ts';
import { safeText } from '../resolve/safe-text.ts';
import type { SequencedEntry } from './batch.ts';

/** Answers why the database does not take an entry; nothing of it stays. Throws what is not the entry's fault. */
export type Trial = (entry: SequencedEntry) => Promise<Error | undefined>;

/** Each needs some 30 trials: beyond so many of one source what is left is refused by larger and larger pieces. */
const mostSought = 100;
/** Where the readings go of a source whose very name the database refuses. */
const sharedName = '(refused sources)';

/**
 * The journal entry as the database takes it, when it does not take it as it is: one refused row of whatever table must
 * not stop all that come behind it. Its sources are tried one by one, and within a source its readings by halves; those
 * that the database refuses become rejected ones, with what it said. When even an entry that is nothing but bare
 * rejections is not taken, the data are not to blame: then this throws.
 */
export async function isolate(entry: SequencedEntry, trial: Trial): Promise<SequencedEntry> {
  const sources: JournaledIntake[] = [];
  for (const source of entry.entry.sources) sources.push(await isolateSource(entry, source, trial));
  const isolated = withSources(entry, sources);
  const failure = await trial(isolated);
  if (failure === undefined) return isolated;
  // They fail together only: all of them are refused.
  const bare = withSources(
    entry,
    sources.map((source) => refuse(source, new Map(indexesOf(source).map((index) => [index, failure])), true)),
  );
  const last = await trial(bare);
  if (last !== undefined) throw last;
  return bare;
}

async function isolateSource(entry: SequencedEntry, source: JournaledIntake, trial: Trial): Promise<JournaledIntake> {
  const attempt = (part: JournaledIntake): Promise<Error | undefined> => trial(withSources(entry, [part]));
  const named = (await attempt(slice(source, 0, 0))) === undefined ? source : { ...source, name: sharedName };
  const failures = new Map<number, Error>();

  async function seek(from: number, to: number): Promise<void> {
    const failure = from < to ? await attempt(slice(named, from, to)) : undefined;
    if (failure === undefined) return;
    if (to - from === 1 || failures.size >= mostSought) {
      for (let index = from; index < to; index++) failures.set(index, failure);
      return;
    }
    const middle = (from + to) >>> 1;
    await seek(from, middle);
    await seek(middle, to);
  }

  await seek(0, countOf(named));
  if (failures.size === 0) return named;
  const refused = refuse(named, failures, false);
  return (await attempt(refused)) === undefined ? refused : refuse(named, failures, true);
}

function withSources(entry: SequencedEntry, sources: JournaledIntake[]): SequencedEntry {
  return { ...entry, entry: { ...entry.entry, sources } };
}

// The readings of a source have numbers: the live ones, the historical ones, texts, parked and rejected ones.
function countOf({ live, historical, texts, parked, rejected }: JournaledIntake): number {
  return live.length + historical.length + texts.length + parked.length + rejected.length;
}

const indexesOf = (source: JournaledIntake): number[] => Array.from({ length: countOf(source) }, (_, index) => index);

/** The source with those readings alone whose numbers lie in [from, to). */
function slice(source: JournaledIntake, from: number, to: number): JournaledIntake {
  return pick(source, (index) => index >= from && index < to);
}

function pick(source: JournaledIntake, isWanted: (index: number) => boolean): JournaledIntake {
  let index = 0;
  const columns = (rows: ReadingColumns): ReadingColumns => {
    const kept = createColumns(0);
    for (let row = 0; row < rows.length; row++) {
      if (!isWanted(index++)) continue;
      const { time_us, signal_id, value, quality } = rows;
      appendReading(kept, time_us[row] ?? 0, signal_id[row] ?? 0, value[row] ?? Number.NaN, quality[row] ?? 0);
    }
    return kept;
  };
  const list = <Item>(items: Item[]): Item[] => items.filter(() => isWanted(index++));
  return {
    ...source,
    live: columns(source.live),
    historical: columns(source.historical),
    texts: list(source.texts),
    parked: list(source.parked),
    rejected: list(source.rejected),
  };
}

/** The source with the readings in `failures` among the rejected ones; `bare`: without anything of theirs but their number. */
function refuse(source: JournaledIntake, failures: ReadonlyMap<number, Error>, bare: boolean): JournaledIntake {
  const kept = pick(source, (index) => !failures.has(index));
  for (const [index, failure] of failures) {
    const reading = readingAt(source, index);
    const code = (failure as { code?: unknown }).code;
    const detail = safeText(`The database refused the reading: ${failure.message} (SQLSTATE ${String(code)}).`, 1024);
    kept.rejected.push(
      bare
        ? { ...nothing, readings: reading.readings, detail: 'The database refused the reading, and what it held.' }
        : { ...reading, reason: 'refused_by_database', detail },
    );
  }
  return kept;
}

const nothing: RejectedReading = {
  readings: 1,
  address: '',
  reason: 'refused_by_database',
  detail: '',
  signal_id: null,
  time_us: Number.NaN,
  value: Number.NaN,
  payload: null,
};

function readingAt({ live, historical, texts, parked, rejected }: JournaledIntake, index: number): RejectedReading {
  let at = index;
  for (const rows of [live, historical]) {
    if (at < rows.length) {
      const [signal_id, time_us] = [rows.signal_id[at] ?? null, rows.time_us[at] ?? Number.NaN];
      const [value, quality] = [rows.value[at] ?? Number.NaN, rows.quality[at] ?? 0];
      return { ...nothing, signal_id, time_us, value, quality, payload: keepValue(value) };
    }
    at -= rows.length;
  }
  const text = texts[at];
  if (text !== undefined) {
    const { signal_id, time_us, quality } = text;
    return { ...nothing, signal_id, time_us, quality, payload: keepValue(text.text) };
  }
  at -= texts.length;
  const unknown = parked[at];
  if (unknown !== undefined) {
    const { address, time_us, value, quality } = unknown;
    return { ...nothing, address, time_us, value, quality, payload: keepValue(unknown.text ?? value) };
  }
  return rejected[at - parked.length] ?? nothing;
}
