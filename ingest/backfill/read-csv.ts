import { open, type FileHandle } from 'node:fs/promises';
import { appendReading } from '../../core/reading-columns.ts';
import { Quality, type RejectReason } from '../../core/reading.ts';
import { show } from '../resolve/signal-value.ts';
import { createFields, fieldText, guessDelimiter, scanRows, type Fields } from './csv-rows.ts';
import type { ColumnMap } from './column-map.ts';
import { parseNumber } from './parse-number.ts';
import { acceptedTimes, createTimeParser } from './parse-time.ts';
import type { FilePosition, FileReader, ReadContext } from './reader.ts';
import { acceptedQualities, addBad, addText, readQuality, type Sink } from './sink.ts';
import type { BackfillSignal } from './signals.ts';

const blockBytes = 1024 * 1024;

/** Opens a CSV file: reads its header, maps its columns (throws a ColumnError), and reads on from a position. */
export async function openCsv(context: ReadContext): Promise<FileReader> {
  const handle = await open(context.file, 'r');
  try {
    return await readHead(context, handle);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function readHead(context: ReadContext, handle: FileHandle): Promise<FileReader> {
  const { file } = context;
  const { size } = await handle.stat();
  const head = Buffer.alloc(Math.min(size, blockBytes));
  await handle.read(head, 0, head.length, 0);
  // Spreadsheets begin their files with a byte order mark.
  const first = head.length >= 3 && head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0;
  const headerLine = head.toString('utf8', first, head.indexOf(0x0a) < 0 ? head.length : head.indexOf(0x0a));
  const delimiter = (context.delimiter ?? guessDelimiter(headerLine)).charCodeAt(0);
  const fields = createFields();
  const header: string[] = [];
  const { offset: consumed, line } = scanFirstRow(head, first, delimiter, size === head.length, fields, header);
  if (header.length === 0) throw new Error(`${file}: there is no header line within the first ${head.length} bytes.`);
  const addRow = createRowReader(context, context.mapColumns(header));
  return {
    start: { offset: consumed, line },
    fractionOf: ({ offset }) => offset / Math.max(1, size),
    isEnd: ({ offset }) => offset >= size,
    async read(position, sink, full) {
      let { offset, line: nextLine } = position;
      // Grows when a single row is longer than a block.
      let buffer = Buffer.allocUnsafe(blockBytes);
      while (offset < size && !full()) {
        const { bytesRead } = await handle.read(buffer, 0, buffer.length, offset);
        const atEnd = offset + bytesRead >= size;
        const scan = scanRows(buffer, 0, bytesRead, delimiter, nextLine, atEnd, fields, (row, rowLine) =>
          addRow(buffer, row, rowLine, sink),
        );
        if (scan.consumed === 0 && !atEnd) buffer = Buffer.allocUnsafe(buffer.length * 2);
        else if (scan.consumed === 0) throw new Error(`${file}, line ${nextLine}: a quoted field is never closed.`);
        offset += scan.consumed;
        nextLine = scan.line;
      }
      return { offset, line: nextLine };
    },
    close: () => handle.close(),
  };
}

function scanFirstRow(
  head: Buffer,
  from: number,
  delimiter: number,
  whole: boolean,
  fields: Fields,
  header: string[],
): FilePosition {
  let end = from;
  for (let line = 1; end < head.length && header.length === 0; line++) {
    const newline = head.indexOf(0x0a, end);
    const to = newline < 0 ? head.length : newline + 1;
    if (newline < 0 && !whole) break;
    scanRows(head, end, to, delimiter, line, true, fields, (row) => {
      for (let index = 0; index < row.count; index++) header.push(fieldText(head, row, index));
    });
    end = to;
    if (header.length > 0) return { offset: end, line: line + 1 };
  }
  return { offset: end, line: 1 };
}

type AddRow = (bytes: Buffer, fields: Fields, line: number, sink: Sink) => void;

/** The function that takes one row apart, for the form of the file. */
function createRowReader(context: ReadContext, map: ColumnMap): AddRow {
  const { file, header } = context;
  const parseTime = createTimeParser(context.zone);
  const findSignal = createSignalFinder(context);

  function readRowQuality(bytes: Buffer, fields: Fields, line: number, sink: Sink): number | undefined {
    if (map.quality === undefined || map.quality >= fields.count) return Quality.good;
    const text = fieldText(bytes, fields, map.quality);
    const quality = readQuality(text);
    if (quality === undefined) bad(bytes, fields, map.quality, line, sink, 'wrong_quality', acceptedQualities);
    return quality;
  }

  function bad(
    bytes: Buffer,
    fields: Fields,
    index: number,
    line: number,
    sink: Sink,
    reason: RejectReason,
    accepted: string,
  ): void {
    const value = index < fields.count ? fieldText(bytes, fields, index) : 'nothing';
    addBad(sink, {
      file,
      line,
      column: header()[index] ?? `column ${index + 1}`,
      value: show(value),
      reason,
      accepted,
      signal_id: null,
      time_us: Number.NaN,
    });
  }

  function readTime(bytes: Buffer, fields: Fields, line: number, sink: Sink): number {
    const index = map.time;
    const time = index < fields.count ? parseTime(bytes, fields.start[index] ?? 0, fields.end[index] ?? 0) : Number.NaN;
    if (time >= context.earliest_us && time <= context.latest_us) return time;
    if (Number.isNaN(time)) bad(bytes, fields, index, line, sink, 'wrong_time', acceptedTimes);
    else if (time < context.earliest_us) bad(bytes, fields, index, line, sink, 'too_old', context.accepted_earliest);
    else bad(bytes, fields, index, line, sink, 'far_future', context.accepted_latest);
    return Number.NaN;
  }

  function addCell(
    bytes: Buffer,
    fields: Fields,
    index: number,
    signal: BackfillSignal,
    time: number,
    quality: number,
    line: number,
    sink: Sink,
  ): void {
    const from = fields.start[index] ?? 0;
    const to = fields.end[index] ?? 0;
    if (signal.kind === 'measurement' || signal.kind === 'counter' || signal.kind === 'fault') {
      const value = parseNumber(bytes, from, to);
      // Whole numbers beyond 2^53 and infinities are judged by the rule for live readings.
      if (Math.abs(value) < Number.MAX_SAFE_INTEGER) {
        appendReading(sink.columns, time, signal.signal_id, value, quality);
        return;
      }
    }
    addText(
      sink,
      { file, line, column: header()[index] ?? '' },
      signal,
      time,
      fieldText(bytes, fields, index),
      quality,
    );
  }

  if (map.form === 'long') {
    return (bytes, fields, line, sink) => {
      const time = readTime(bytes, fields, line, sink);
      if (Number.isNaN(time)) return;
      const signal = findSignal(bytes, fields, map.signal, map.prefix);
      if (signal === undefined) {
        bad(
          bytes,
          fields,
          map.signal,
          line,
          sink,
          'unknown_signal',
          'the path or a source address of a signal of the plant',
        );
        return;
      }
      const quality = readRowQuality(bytes, fields, line, sink);
      if (quality === undefined) return;
      if (map.value >= fields.count)
        bad(bytes, fields, map.value, line, sink, 'missing_value', 'as many fields as the header has');
      else addCell(bytes, fields, map.value, signal, time, quality, line, sink);
    };
  }
  return (bytes, fields, line, sink) => {
    const time = readTime(bytes, fields, line, sink);
    if (Number.isNaN(time)) return;
    const quality = readRowQuality(bytes, fields, line, sink);
    if (quality === undefined) return;
    for (const { index, signal } of map.columns) {
      if (index >= fields.count)
        bad(bytes, fields, index, line, sink, 'missing_value', 'as many fields as the header has');
      else if (fields.start[index] === fields.end[index] && quality === Quality.good) sink.empty++;
      else addCell(bytes, fields, index, signal, time, quality, line, sink);
    }
  };
}

/**
 * Finds the signal of a field without making a string of it: a hash of its bytes leads to a slot whose bytes are
 * compared. 60 ns a row where a Map of strings takes 250 ns, and a long file asks once a row.
 */
function createSignalFinder(
  context: ReadContext,
): (bytes: Buffer, fields: Fields, index: number, prefix: string) => BackfillSignal | undefined {
  const slots = new Map<number, { bytes: Buffer; signal: BackfillSignal | undefined }[]>();
  return (bytes, fields, index, prefix) => {
    if (index >= fields.count) return undefined;
    const from = fields.start[index] ?? 0;
    const to = fields.end[index] ?? 0;
    let hash = 0x811c_9dc5;
    for (let at = from; at < to; at++) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x0100_0193);
    let slot = slots.get(hash);
    const known = slot?.find((entry) => bytes.compare(entry.bytes, 0, entry.bytes.length, from, to) === 0);
    if (known !== undefined) return known.signal;
    const name = fieldText(bytes, fields, index).trim();
    const signal = (prefix === '' ? undefined : context.signals.find(prefix + name)) ?? context.signals.find(name);
    if (slot === undefined) slots.set(hash, (slot = []));
    slot.push({ bytes: Buffer.from(bytes.subarray(from, to)), signal });
    return signal;
  };
}
