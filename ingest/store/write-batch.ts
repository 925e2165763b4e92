import type { Connection } from '../../core/database.ts';
import { encodeFeedPayload, feedChannel } from '../../core/feed.ts';
import type { SignalKind } from '../../core/reading.ts';
import { appendReading, createColumns, type ReadingColumns } from '../../core/reading-columns.ts';
import { writeLedger, type SourceIds } from '../ledger/ledger.ts';
import { keepValue } from '../resolve/kept-value.ts';
import type { SignalRegistry } from '../resolve/signal-registry.ts';
import type { Batch, Part } from './batch.ts';
import { Outcome, rejectReasons, type InsertReadings } from './insert-readings.ts';
import { liveWindowMs, noteLateRanges } from './late-ranges.ts';
import { updateLatestValues } from './latest-values.ts';
import { parkReadings } from './parked-readings.ts';
import { keepRejected } from './rejected-readings.ts';
import { numberArray } from './sql-arrays.ts';

export interface BatchWriter {
  gatewayId: number;
  organizationId: number;
  registry: SignalRegistry;
  insertReadings: InsertReadings;
  sourceIds: SourceIds;
  /** Room left for parked readings. */
  parkedRoom: number;
  /** The database's time. Asked when it is needed: a large batch on a slow server takes minutes. */
  nowMs: () => number;
}

export interface BatchResult {
  stored: number;
  duplicate: number;
  rejected: number;
  parked: number;
  /** Rollups that were built already have to be refreshed. */
  late: boolean;
}

/**
 * Everything of one batch, within the caller's transaction: the readings, what became of each, the feed, the latest
 * values, the rejected and parked readings, the late ranges, the books, and the gateway's sequence. The caller commits;
 * after a failure it rolls back and may do the same again with a newly collected batch.
 */
export async function writeBatch(connection: Connection, writer: BatchWriter, batch: Batch): Promise<BatchResult> {
  const { organizationId, gatewayId } = writer;
  const sourceId = await writer.sourceIds.resolve(connection, organizationId, batch.parts);
  const { outcome, details } = await writer.insertReadings(connection, batch.columns);
  countRows(batch, outcome, details, writer.nowMs());
  await nameSignals(connection, organizationId, batch);
  const parked = await parkReadings(connection, organizationId, batch, sourceId, writer.parkedRoom);
  for (const { part, reading } of batch.rejected) {
    if (reading.reason === 'conflict') continue;
    part.rejected += reading.readings;
    if (reading.reason === 'far_future') part.from_future += reading.readings;
  }
  await keepRejected(connection, organizationId, batch, sourceId);
  const stored = await writeFeed(connection, gatewayId, batch, outcome);
  await updateLatestValues(connection, batch, outcome);
  const late = await noteLateRanges(connection, batch, outcome, writer.nowMs(), (id) => writer.registry.signal(id));
  await writeLedger(connection, organizationId, batch.parts, sourceId);
  await connection.prepared(
    'gateway_sequence',
    'update gateway set last_sequence = $2, journal_total = $3 where gateway_id = $1',
    [gatewayId, batch.sequence, batch.journal_total],
  );
  if (stored > 0) await connection.query(`select pg_notify('${feedChannel}', '')`);
  return {
    stored,
    duplicate: sum(batch.parts, 'duplicate'),
    rejected: sum(batch.parts, 'rejected'),
    parked,
    late,
  };
}

/** Books each row by its outcome, and adds those in conflict or refused to the rejected ones. */
function countRows(batch: Batch, outcome: Uint8Array, details: Map<number, string>, nowMs: number): void {
  const { columns, part_of_row, parts } = batch;
  const lateUs = liveWindowMs * 1000;
  const nowUs = nowMs * 1000;
  for (let row = 0; row < columns.length; row++) {
    const part = parts[part_of_row[row] ?? 0];
    if (part === undefined) continue;
    const result = outcome[row];
    if (result === Outcome.stored) {
      part.stored++;
      // Lateness is the sender's: measured against the receipt, not against a store that waited for its database.
      if ((columns.time_us[row] ?? 0) < Math.min(nowUs, part.received_at_ms * 1000) - lateUs) part.late++;
    } else if (result === Outcome.duplicate || result === Outcome.conflict) {
      part.duplicate++;
      if (result === Outcome.conflict) part.conflict++;
    }
  }
  for (const [row, detail] of details) {
    const part = parts[part_of_row[row] ?? 0];
    if (part === undefined) continue;
    batch.rejected.push({
      part,
      received_at_ms: part.received_at_ms,
      reading: {
        readings: 1,
        // Columns carry numbers only; nameSignals fills in the path of the signal.
        address: '',
        reason: rejectReasons[outcome[row] ?? Outcome.refused] ?? 'refused_by_database',
        detail,
        signal_id: columns.signal_id[row] ?? null,
        time_us: columns.time_us[row] ?? Number.NaN,
        value: columns.value[row] ?? Number.NaN,
        payload: keepValue(columns.value[row] ?? Number.NaN),
        quality: columns.quality[row] ?? 0,
      },
    });
  }
}

/**
 * Gives the rows in conflict, or refused, the path of their signal as the address, since a number tells nobody anything;
 * and those of orders, whose value is the number of a text, the text.
 */
async function nameSignals(connection: Connection, organizationId: number, batch: Batch): Promise<void> {
  const nameless = batch.rejected.filter(({ reading }) => reading.address === '' && reading.signal_id !== null);
  if (nameless.length === 0) return;
  const ids = [...new Set(nameless.flatMap(({ reading }) => reading.signal_id ?? []))];
  const rows = await connection.query<{ signal_id: number; kind: SignalKind; path: string }>(
    `select g.signal_id, g.kind, concat_ws('/', o.name, s.name, l.name, m.name, g.name) as path
       from signal g join machine m using (machine_id) join line l using (line_id) join site s using (site_id)
       join organization o on o.organization_id = g.organization_id
      where g.organization_id = $1 and g.signal_id = any($2::int4[])`,
    [organizationId, numberArray(ids)],
  );
  const signals = new Map(rows.map((row) => [row.signal_id, row]));
  for (const { reading } of nameless) reading.address = signals.get(reading.signal_id ?? 0)?.path ?? '';
  const orders = nameless.filter(
    ({ reading }) => reading.payload === null && signals.get(reading.signal_id ?? 0)?.kind === 'order',
  );
  // A signal that is an order only now has readings that are no number of a text.
  const numbers = orders.map(({ reading }) => reading.value).filter(isTextNumber);
  if (numbers.length === 0) return;
  const texts = await connection.query<{ text_value_id: number; text: string }>(
    'select text_value_id, text from text_value where organization_id = $1 and text_value_id = any($2::int4[])',
    [organizationId, numberArray(numbers)],
  );
  const textOf = new Map(texts.map(({ text_value_id, text }) => [text_value_id, text]));
  for (const { reading } of orders) {
    const text = textOf.get(reading.value);
    if (text === undefined) continue;
    reading.value = Number.NaN;
    reading.payload = keepValue(text);
  }
}

const isTextNumber = (value: number): boolean => Number.isInteger(value) && value >= 1 && value < 2 ** 31;

/** The stored rows once more, for those who follow the feed. Answers how many there were. */
async function writeFeed(
  connection: Connection,
  gatewayId: number,
  batch: Batch,
  outcome: Uint8Array,
): Promise<number> {
  const live = storedRows(batch.columns, outcome, 0, batch.live_rows);
  const historical = storedRows(batch.columns, outcome, batch.live_rows, batch.columns.length);
  const stored = live.length + historical.length;
  if (stored > 0) {
    await connection.prepared(
      'reading_batch',
      'insert into reading_batch (gateway_id, sequence, readings, payload) values ($1, $2, $3, $4)',
      [gatewayId, batch.sequence, stored, encodeFeedPayload(live, historical)],
    );
  }
  return stored;
}

function storedRows(columns: ReadingColumns, outcome: Uint8Array, from: number, to: number): ReadingColumns {
  const part: ReadingColumns = {
    length: to - from,
    time_us: columns.time_us.subarray(from, to),
    value: columns.value.subarray(from, to),
    signal_id: columns.signal_id.subarray(from, to),
    quality: columns.quality.subarray(from, to),
  };
  let row = from;
  while (row < to && outcome[row] === Outcome.stored) row++;
  if (row === to) return part;
  const kept = createColumns(to - from);
  for (row = from; row < to; row++) {
    if (outcome[row] !== Outcome.stored) continue;
    appendReading(
      kept,
      columns.time_us[row] ?? 0,
      columns.signal_id[row] ?? 0,
      columns.value[row] ?? Number.NaN,
      columns.quality[row] ?? 0,
    );
  }
  return kept;
}

function sum(parts: readonly Part[], count: 'duplicate' | 'rejected'): number {
  return parts.reduce((total, part) => total + part[count], 0);
}
