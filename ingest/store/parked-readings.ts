import type { Connection } from '../../core/database.ts';
import type { Protocol, RejectReason } from '../../core/reading.ts';
import { keepValue } from '../resolve/kept-value.ts';
import type { SignalRegistry } from '../resolve/signal-registry.ts';
import type { Batch, Part } from './batch.ts';
import { epochTime, numberArray, timeArray } from './sql-arrays.ts';

interface Discovered {
  discovered_address_id: number;
  protocol: string;
  address: string;
  ignored: boolean;
}

/**
 * Parks the readings of unknown addresses and lists the addresses as discovered. At most `room` readings are parked;
 * those beyond it, and those of addresses that somebody asked to ignore, are rejected, as one row for each address and
 * batch that says how many there were. Answers how many were parked.
 */
export async function parkReadings(
  connection: Connection,
  organizationId: number,
  batch: Batch,
  sourceId: (part: Part) => number,
  room: number,
): Promise<number> {
  if (batch.parked.length === 0) return 0;
  const discovered = await discover(connection, organizationId, batch, sourceId);
  const parked: { id: number; item: Batch['parked'][number] }[] = [];
  const refused = new Map<string, { reason: RejectReason; count: number; item: Batch['parked'][number] }>();
  for (const item of batch.parked) {
    const row = discovered.get(`${item.part.protocol}\t${item.reading.address}`);
    if (row !== undefined && !row.ignored && parked.length < room) {
      parked.push({ id: row.discovered_address_id, item });
      item.part.parked++;
      continue;
    }
    const reason = row?.ignored === true ? 'ignored_address' : 'parked_full';
    const key = `${item.part.minute_ms}\t${item.part.name}\t${item.reading.address}`;
    const entry = refused.get(key) ?? { reason, count: 0, item };
    entry.count++;
    refused.set(key, entry);
  }
  for (const { reason, count, item } of refused.values()) {
    batch.rejected.push({ ...item, reading: refusal(reason, count, item.reading) });
  }
  await connection.execute(
    `insert into parked_reading (organization_id, discovered_address_id, source_id, received_at, time, value, text, quality)
     select $1, p.id, p.source_id, ${epochTime('p.received_us')}, ${epochTime('p.time_us')}, p.value, p.text, p.quality
       from unnest($2::int4[], $3::int8[], $4::int8[], $5::float8[], $6::text[], $7::int2[], $8::int4[])
            as p(id, received_us, time_us, value, text, quality, source_id)`,
    [
      organizationId,
      numberArray(parked.map(({ id }) => id)),
      timeArray(parked.map(({ item }) => item.received_at_ms * 1000)),
      timeArray(parked.map(({ item }) => item.reading.time_us)),
      numberArray(parked.map(({ item }) => item.reading.value)),
      parked.map(({ item }) => item.reading.text),
      numberArray(parked.map(({ item }) => item.reading.quality)),
      numberArray(parked.map(({ item }) => sourceId(item.part))),
    ],
  );
  return parked.length;
}

/**
 * The parked addresses of a batch that have a signal by now: they became known while their readings lay in the journal,
 * too late for them and too early for whoever looks for parked ones.
 */
export function knownAddresses(batch: Batch, registry: SignalRegistry): [Protocol, string][] {
  const known = new Map<string, [Protocol, string]>();
  for (const { part, reading } of batch.parked) {
    const { protocol } = part;
    if (protocol !== 'file' && registry.find(protocol, reading.address) !== undefined)
      known.set(`${protocol}\t${reading.address}`, [protocol, reading.address]);
  }
  return [...known.values()];
}

async function discover(
  connection: Connection,
  organizationId: number,
  batch: Batch,
  sourceId: (part: Part) => number,
): Promise<Map<string, Discovered>> {
  const seen = new Map<string, { item: Batch['parked'][number]; count: number; first: number; last: number }>();
  for (const item of batch.parked) {
    const key = `${item.part.protocol}\t${item.reading.address}`;
    const entry = seen.get(key);
    if (entry === undefined) seen.set(key, { item, count: 1, first: item.received_at_ms, last: item.received_at_ms });
    else {
      entry.count++;
      entry.item = item;
      entry.last = Math.max(entry.last, item.received_at_ms);
    }
  }
  // In one order everywhere, so that two gateways cannot lock each other.
  const list = [...seen.values()].sort((left, right) =>
    left.item.reading.address < right.item.reading.address ? -1 : 1,
  );
  const rows = await connection.query<Discovered>(
    `insert into discovered_address as d (organization_id, source_id, protocol, address, first_seen_at, last_seen_at, readings, sample)
     select $1, n.source_id, n.protocol, n.address, ${epochTime('n.first_us')}, ${epochTime('n.last_us')}, n.readings, n.sample
       from unnest($2::int4[], $3::text[], $4::text[], $5::int8[], $6::int8[], $7::int8[], $8::text[])
            as n(source_id, protocol, address, first_us, last_us, readings, sample)
     on conflict (organization_id, protocol, address) do update
        set last_seen_at = greatest(d.last_seen_at, excluded.last_seen_at), readings = d.readings + excluded.readings, sample = excluded.sample
     returning discovered_address_id, protocol, address, ignored`,
    [
      organizationId,
      numberArray(list.map(({ item }) => sourceId(item.part))),
      list.map(({ item }) => item.part.protocol),
      list.map(({ item }) => item.reading.address),
      timeArray(list.map(({ first }) => first * 1000)),
      timeArray(list.map(({ last }) => last * 1000)),
      numberArray(list.map(({ count }) => count)),
      list.map(({ item }) => item.reading.text ?? String(item.reading.value)),
    ],
  );
  return new Map(rows.map((row) => [`${row.protocol}\t${row.address}`, row]));
}

function refusal(reason: RejectReason, count: number, reading: Batch['parked'][number]['reading']) {
  const why =
    reason === 'ignored_address'
      ? 'it was asked to be ignored'
      : 'the room for parked readings (PARKED_MAX_READINGS) is used up';
  return {
    readings: count,
    address: reading.address,
    reason,
    detail: `${count} reading${count === 1 ? '' : 's'} of the unknown address "${reading.address}" were not parked, because ${why}; map the address to a signal to store them.`,
    signal_id: null,
    time_us: reading.time_us,
    value: reading.value,
    payload: keepValue(reading.text ?? reading.value),
  };
}
