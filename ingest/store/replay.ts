import type { Connection } from '../../core/database.ts';
import { createColumns } from '../../core/reading-columns.ts';
import type { Protocol, RejectReason } from '../../core/reading.ts';
import { decodeJson } from '../decode/json-payload.ts';
import type { SourceIntake } from '../receive/receiver.ts';
import { addReading, addRejected } from '../resolve/add-reading.ts';
import { readKeptValue } from '../resolve/kept-value.ts';
import type { SignalRegistry } from '../resolve/signal-registry.ts';
import type { WireValue } from '../resolve/signal-value.ts';
import { appendRow, appendRows, emptyBatch, findPart, type Batch, type Part } from './batch.ts';
import type { TextValues } from './text-values.ts';

/** So many rejected readings are tried in one transaction; the rest follows in further ones. */
const mostRows = 2000;
const hourMs = 3_600_000;

interface RejectedRow {
  rejected_reading_id: number;
  protocol: Protocol;
  source: string;
  received_at_ms: number;
  address: string;
  reason: RejectReason;
  detail: string;
  readings: number;
  signal_id: number | null;
  time_us: number | null;
  value: number | null;
  quality: number | null;
  payload: Buffer | null;
  payload_cut: boolean;
}

/**
 * Tries the rejected readings whose replay was asked for once more, within the caller's transaction, as a batch for
 * `writeBatch`: the kept bytes are decoded again, or the kept value is taken, by the plant as it is now. Each that can be
 * read wholly is stored, and moves from rejected to stored (or duplicate) in the books of the minute in which it was
 * received; a message that had counted as one then counts as the readings that it holds. One that is still wrong stays
 * rejected, with the present reason. The rows are not live, but may become the latest value.
 */
export async function takeRejected(
  connection: Connection,
  options: {
    organizationId: number;
    sequence: number;
    registry: SignalRegistry;
    texts: TextValues;
    nowMs: number;
    farFutureHours: number;
  },
): Promise<{ batch: Batch; resolved: Map<string, number>; more: boolean }> {
  const { organizationId, registry, texts } = options;
  const rows = await connection.query<RejectedRow>(
    `select r.rejected_reading_id, s.protocol, s.name as source, (extract(epoch from r.received_at) * 1000)::float8 as received_at_ms,
            r.address, r.reason, r.detail, r.readings, r.signal_id, (extract(epoch from r.time) * 1000000)::int8 as time_us, r.value, r.quality,
            r.payload, r.payload_cut
       from rejected_reading r join source s using (source_id)
      where r.organization_id = $1 and r.replay_requested_at is not null and r.resolved_at is null
      order by r.rejected_reading_id limit $2 for update of r`,
    [organizationId, mostRows],
  );
  const decoded = rows.map((row) => decodeAgain(row, registry, options.nowMs, options.farFutureHours));
  const wanted = new Set(decoded.flatMap((into) => into.texts.map(({ text }) => text)));
  const resolved = await texts.resolve(connection, organizationId, [...wanted]);
  const batch = emptyBatch(options.sequence, rows.length);
  const parts = new Map<string, Part>();
  const stored: number[] = [];
  const still: { id: number; reason: string; detail: string }[] = [];
  for (const [index, row] of rows.entries()) {
    const into = decoded[index];
    if (into === undefined) continue;
    const wrong = into.rejected[0] ?? unreadable(into, resolved);
    if (wrong !== undefined) {
      still.push({ id: row.rejected_reading_id, reason: wrong.reason, detail: wrong.detail });
      continue;
    }
    const part = findPart(batch, parts, row.protocol, row.source, row.received_at_ms);
    part.received += into.received - row.readings;
    part.rejected -= row.readings;
    part.untimed += into.untimed;
    if (row.reason === 'far_future') part.from_future -= row.readings;
    const partIndex = batch.parts.indexOf(part);
    appendRows(batch, partIndex, into.live);
    for (const { time_us, signal_id, text, quality } of into.texts) {
      appendRow(batch, partIndex, time_us, signal_id, resolved.get(text) ?? Number.NaN, quality);
    }
    stored.push(row.rejected_reading_id);
  }
  batch.latest_rows = batch.columns.length;
  await connection.execute(
    'update rejected_reading set resolved_at = now(), replay_requested_at = null where rejected_reading_id = any ($1::int8[])',
    [stored],
  );
  await connection.execute(
    `update rejected_reading r set replay_requested_at = null, reason = n.reason, detail = n.detail
       from unnest($1::int8[], $2::text[], $3::text[]) as n(id, reason, detail) where r.rejected_reading_id = n.id`,
    [still.map(({ id }) => id), still.map(({ reason }) => reason), still.map(({ detail }) => detail)],
  );
  return { batch, resolved, more: rows.length === mostRows };
}

/** What one rejected row says by the plant of now. Its clock stands at the receipt, but what was in the future may be past. */
function decodeAgain(row: RejectedRow, registry: SignalRegistry, nowMs: number, farFutureHours: number): SourceIntake {
  const receivedUs = row.received_at_ms * 1000;
  const into: SourceIntake = {
    source: { protocol: row.protocol, name: row.source },
    far_future_hours: farFutureHours + Math.max(0, nowMs - row.received_at_ms) / hourMs,
    received: 0,
    lost_upstream: 0,
    untimed: 0,
    dropped: 0,
    live: createColumns(1),
    historical: createColumns(0),
    texts: [],
    parked: [],
    rejected: [],
  };
  const value = keptValue(row);
  if (value !== undefined) {
    const signal = row.signal_id === null ? registry.find(row.protocol, row.address) : registry.signal(row.signal_id);
    addReading(into, row.address, signal, row.time_us ?? Number.NaN, value, row.quality ?? 0, receivedUs);
    return into;
  }
  if (row.protocol !== 'mqtt' || row.payload === null || row.payload_cut) {
    // Nothing was kept whole that could be tried: what it was rejected for is still all that is known.
    addRejected(into, row.address, row.reason, row.detail, null);
    return into;
  }
  const levels = row.address.split('/');
  const isMachine = levels.length === 4 || isMachineLevel(row.payload);
  const base = levels.slice(0, isMachine ? 4 : 5).join('/');
  const only = isMachine ? levels[4] : undefined;
  decodeJson(row.payload, isMachine, {
    reading(name, timeUs, value, quality) {
      if (only !== undefined && name !== only) return;
      // Of an array only the reading that was rejected; the others were stored when the message came.
      // Without a time it was given that of its receipt, and is told from others by its value.
      const isUntimed = Number.isNaN(timeUs);
      if (row.time_us !== null && !isUntimed && timeUs !== row.time_us) return;
      if (isUntimed && row.value !== null && typeof value === 'number' && value !== row.value) return;
      const address = name === '' ? base : `${base}/${name}`;
      const knownUs = isUntimed ? (row.time_us ?? Number.NaN) : timeUs;
      addReading(into, address, registry.find('mqtt', address), knownUs, value, quality, receivedUs);
    },
    rejected(name, reason, detail) {
      if (only === undefined || name === only || name === '') addRejected(into, base, reason, detail, null);
    },
  });
  return into;
}

/** The value of a reading that was rejected after it had been read; undefined when only its message can tell it. */
function keptValue({ protocol, payload, payload_cut, quality, time_us, value }: RejectedRow): WireValue | undefined {
  if (quality === null || time_us === null) return undefined;
  const kept = payload === null || payload_cut ? undefined : readKeptValue(payload);
  if (kept !== undefined) return kept;
  return protocol === 'mqtt' && payload !== null && !payload_cut ? undefined : (value ?? undefined);
}

/** Whether a message holds values of several signals. */
function isMachineLevel(payload: Buffer): boolean {
  try {
    const document = JSON.parse(payload.toString('utf8')) as unknown;
    const first: unknown = Array.isArray(document) ? document[0] : document;
    return typeof first === 'object' && first !== null && 'values' in first;
  } catch {
    return false;
  }
}

/** Why a message without a rejection cannot be stored all the same. */
function unreadable(
  into: SourceIntake,
  resolved: ReadonlyMap<string, number>,
): { reason: string; detail: string } | undefined {
  const [parked] = into.parked;
  if (parked !== undefined)
    return {
      reason: 'unknown_address',
      detail: `The address "${parked.address}" is mapped to no signal; map it first.`,
    };
  const text = into.texts.find((reading) => !resolved.has(reading.text));
  if (text !== undefined)
    return {
      reason: 'too_many_texts',
      detail: `The text ${JSON.stringify(text.text)} is new, and the room for distinct texts is used up.`,
    };
  if (into.received === 0) return { reason: 'malformed_payload', detail: 'The message holds no reading.' };
  return undefined;
}

/** Whether somebody has asked for a replay that was not done yet. */
export async function replayIsWanted(connection: Connection, organizationId: number): Promise<boolean> {
  const rows = await connection.query(
    'select 1 from rejected_reading where organization_id = $1 and replay_requested_at is not null and resolved_at is null limit 1',
    [organizationId],
  );
  return rows.length > 0;
}
