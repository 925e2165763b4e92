import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { asyncBufferFromFile, parquetScan, type Compressors, type ParquetParsers } from 'hyparquet';
import { appendReading } from '../../core/reading-columns.ts';
import { Quality, type RejectReason } from '../../core/reading.ts';
import { show } from '../resolve/signal-value.ts';
import { acceptedTimes, createTimeParser } from './parse-time.ts';
import type { FileReader, ReadContext } from './reader.ts';
import { acceptedQualities, addBad, addText, readQuality, type Sink } from './sink.ts';
import type { BackfillSignal } from './signals.ts';

/** The package brings Snappy; the others are in Node itself. LZ4 and LZO are in neither and end with a sentence. */
const compressors: Compressors = {
  GZIP: (input) => gunzipSync(input),
  BROTLI: (input) => brotliDecompressSync(input),
  ZSTD: (input) => zstdDecompressSync(input),
};

/** Times as whole microseconds instead of Date objects, which hold milliseconds only. */
const parsers: Partial<ParquetParsers> = {
  timestampFromMilliseconds: (millis: bigint) => Number(millis) * 1000,
  timestampFromMicroseconds: Number,
  timestampFromNanoseconds: (nanos: bigint) => Number(nanos / 1000n),
};

type Column = ArrayLike<unknown>;

/** A cell as text; nothing for none, and for lists and structures, which are no readings. */
function textOf(value: unknown): string {
  return ['string', 'number', 'bigint', 'boolean'].includes(typeof value) ? String(value as string | number) : '';
}

/**
 * Opens a Parquet file. It is read row group by row group; in the wide form column by column, so that memory holds the
 * times and one column, and an interrupted run goes on with the next column. A position is (row group, column).
 */
export async function openParquet(context: ReadContext): Promise<FileReader> {
  const { file } = context;
  const buffer = await asyncBufferFromFile(file);
  const scan = await parquetScan({ file: buffer, compressors, parsers }).catch((cause: Error) => {
    throw new Error(`${file} cannot be read as Parquet: ${cause.message}.`, { cause });
  });
  const { schema } = scan.metadata;
  const header = schema
    .slice(1)
    .filter((element) => element.num_children === undefined)
    .map((element) => element.name);
  const map = context.mapColumns(header);
  const parseTime = createTimeParser(context.zone);
  const wide = map.form === 'wide' ? map.columns : [];
  const steps = map.form === 'wide' ? wide.length : 1;
  let kept: { range: number; times: Float64Array; qualities: Int16Array } | undefined;

  async function readColumn(range: number, index: number): Promise<Column> {
    const rows = scan.ranges[range];
    const column = header[index];
    if (rows === undefined || column === undefined)
      throw new Error(`${file} has no row group ${range} or column ${index}.`);
    return scan.readColumn({ column, rowStart: rows.rowStart, rowEnd: rows.rowEnd });
  }

  function bad(
    sink: Sink,
    range: number,
    row: number,
    index: number,
    value: unknown,
    reason: RejectReason,
    accepted: string,
  ): void {
    addBad(sink, {
      file,
      line: (scan.ranges[range]?.rowStart ?? 0) + row + 1,
      column: header[index] ?? '',
      value: show(value),
      reason,
      accepted,
      signal_id: null,
      time_us: Number.NaN,
    });
  }

  /** Times and qualities of a row group; rows with a bad one have NaN, and are counted as bad once. */
  async function readRows(
    range: number,
    sink: Sink,
    count: boolean,
  ): Promise<{ times: Float64Array; qualities: Int16Array }> {
    if (kept?.range === range) return kept;
    const raw = await readColumn(range, map.time);
    const words = map.quality === undefined ? undefined : await readColumn(range, map.quality);
    const times = new Float64Array(raw.length);
    const qualities = new Int16Array(raw.length).fill(Quality.good);
    for (let row = 0; row < raw.length; row++) {
      const value = raw[row];
      const time = readTime(value);
      times[row] = Number.NaN;
      if (Number.isNaN(time)) {
        if (count) bad(sink, range, row, map.time, value, 'wrong_time', acceptedTimes);
      } else if (time < context.earliest_us || time > context.latest_us) {
        const early = time < context.earliest_us;
        if (count)
          bad(
            sink,
            range,
            row,
            map.time,
            value,
            early ? 'too_old' : 'far_future',
            early ? context.accepted_earliest : context.accepted_latest,
          );
      } else {
        const quality = words === undefined ? Quality.good : readQuality(textOf(words[row]));
        if (quality !== undefined) {
          times[row] = time;
          qualities[row] = quality;
        } else if (count) bad(sink, range, row, map.quality ?? 0, words?.[row], 'wrong_quality', acceptedQualities);
      }
    }
    kept = { range, times, qualities };
    return kept;
  }

  function readTime(value: unknown): number {
    if (typeof value === 'number' && scaledTimes) return value;
    if (value instanceof Date) return value.getTime() * 1000;
    const bytes = Buffer.from(
      typeof value === 'bigint' || typeof value === 'number' ? String(value) : typeof value === 'string' ? value : '',
    );
    return parseTime(bytes, 0, bytes.length);
  }
  const timeElement = schema.find((element) => element.name === header[map.time]);
  const scaledTimes =
    timeElement?.logical_type?.type === 'TIMESTAMP' ||
    (timeElement?.converted_type?.startsWith('TIMESTAMP') ?? false) ||
    timeElement?.type === 'INT96';

  function addValue(
    sink: Sink,
    range: number,
    row: number,
    index: number,
    signal: BackfillSignal,
    time: number,
    value: unknown,
    quality: number,
  ): void {
    if (typeof value === 'number' && Number.isFinite(value) && signal.kind !== 'order' && signal.kind !== 'state') {
      appendReading(sink.columns, time, signal.signal_id, value, quality);
      return;
    }
    const where = { file, line: (scan.ranges[range]?.rowStart ?? 0) + row + 1, column: header[index] ?? '' };
    addText(sink, where, signal, time, textOf(value), quality);
  }

  async function readLong(range: number, sink: Sink): Promise<void> {
    if (map.form !== 'long') return;
    const { times, qualities } = await readRows(range, sink, true);
    const names = await readColumn(range, map.signal);
    const values = await readColumn(range, map.value);
    const found = new Map<unknown, BackfillSignal | undefined>();
    for (let row = 0; row < times.length; row++) {
      const time = times[row] ?? Number.NaN;
      if (Number.isNaN(time)) continue;
      const name = names[row];
      let signal = found.get(name);
      if (signal === undefined && !found.has(name)) {
        const text = typeof name === 'string' ? name.trim() : '';
        signal =
          (map.prefix === '' ? undefined : context.signals.find(map.prefix + text)) ?? context.signals.find(text);
        found.set(name, signal);
      }
      if (signal === undefined)
        bad(
          sink,
          range,
          row,
          map.signal,
          name,
          'unknown_signal',
          'the path or a source address of a signal of the plant',
        );
      else addValue(sink, range, row, map.value, signal, time, values[row], qualities[row] ?? 0);
    }
  }

  async function readWide(range: number, step: number, sink: Sink): Promise<void> {
    const column = wide[step];
    if (column === undefined) return;
    const { times, qualities } = await readRows(range, sink, step === 0);
    const values = await readColumn(range, column.index);
    for (let row = 0; row < times.length; row++) {
      const time = times[row] ?? Number.NaN;
      if (!Number.isNaN(time))
        addValue(sink, range, row, column.index, column.signal, time, values[row], qualities[row] ?? 0);
    }
  }

  return {
    start: { offset: 0, line: 0 },
    fractionOf: ({ offset, line }) => (scan.ranges.length === 0 ? 1 : (offset + line / steps) / scan.ranges.length),
    isEnd: ({ offset }) => offset >= scan.ranges.length,
    async read(position, sink, full) {
      let { offset, line } = position;
      while (offset < scan.ranges.length && !full()) {
        if (map.form === 'long') await readLong(offset, sink);
        else await readWide(offset, line, sink);
        line++;
        if (line >= steps) {
          line = 0;
          offset++;
        }
      }
      return { offset, line };
    },
    close: () => Promise.resolve(),
  };
}
