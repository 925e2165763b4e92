import type { Connection } from '../../core/database.ts';
import { qualityNames } from '../../core/reading.ts';
import { decodeCursor, toPage } from '../cursor.ts';
import type { LatestValue, MachineSignal, Signal, SignalDetail, SignalKind } from '../schemas/signal.ts';
import type { QualityName } from '../schemas/common.ts';
import { addPlace, conditions, placeColumns, placeJoins, toFinite, toRfc3339, toRfc3339OrNull } from './row.ts';

interface LatestColumns {
  latest_time: string | null;
  latest_value: number | null;
  latest_text: string | null;
  latest_quality: number | null;
  latest_received_at: string | null;
}

/** A signal as it comes from the database: what it is, and its newest reading in five columns. */
export type SignalRow<Shape extends MachineSignal> = Omit<Shape, 'latest'> & LatestColumns;

export const signalColumns = `g.signal_id, g.name, g.kind, g.quantity, g.unit, g.expected_interval_seconds,
  g.range_low, g.range_high, g.limit_low_low, g.limit_low, g.limit_high, g.limit_high_high,
  g.deadband, g.on_delay_seconds, g.off_delay_seconds,
  v.time as latest_time, v.value as latest_value, x.text as latest_text, v.quality as latest_quality, v.received_at as latest_received_at,
  c.score as anomaly_score, c.time as anomaly_time, c.expected_value as anomaly_expected_value, c.deviation as anomaly_deviation`;
/** Text signals carry the number of their text (migrations/000002_plant.sql). */
export const signalJoins = `left join latest_value v on v.signal_id = g.signal_id
  left join text_value x on x.text_value_id = case when g.kind = 'order' and v.value between 1 and 2147483647 then v.value::int end
  left join anomaly_score c on c.signal_id = g.signal_id`;

export function toSignal<Shape extends MachineSignal>(
  row: SignalRow<Shape>,
): Omit<Shape, 'latest'> & { latest: LatestValue | null } {
  const { latest_time, latest_value, latest_text, latest_quality, latest_received_at, ...rest } = row;
  const latest =
    latest_time === null || latest_quality === null || latest_received_at === null
      ? null
      : {
          time: toRfc3339(latest_time),
          value: toFinite(latest_value),
          text: latest_text,
          quality: toQualityName(latest_quality),
          received_at: toRfc3339(latest_received_at),
        };
  const signal = rest as unknown as Omit<Shape, 'latest'>;
  return {
    ...signal,
    anomaly_score: toFinite(signal.anomaly_score),
    anomaly_time: toRfc3339OrNull(signal.anomaly_time),
    anomaly_expected_value: toFinite(signal.anomaly_expected_value),
    anomaly_deviation: toFinite(signal.anomaly_deviation),
    latest,
  };
}

/** The name of a stored quality number; a number we do not know is no reason to trust the reading. */
export function toQualityName(quality: number): QualityName {
  return qualityNames.get(quality) ?? 'bad';
}

interface SignalFilters {
  kind?: SignalKind | undefined;
  site?: number | undefined;
  line?: number | undefined;
  machine?: number | undefined;
  quantity?: string | undefined;
  never?: 'true' | 'false' | undefined;
  q?: string | undefined;
}

/** Signals by id with their newest reading. */
export async function listSignals(
  connection: Connection,
  query: SignalFilters & { limit: number; cursor?: string | undefined },
): Promise<{ items: Signal[]; next: string | null }> {
  const where = conditions();
  addPlace(where, query);
  where.add('g.kind = ?', query.kind);
  where.add('g.quantity = ?', query.quantity);
  if (query.never !== undefined) where.add(`v.time is ${query.never === 'true' ? 'null' : 'not null'}`, true);
  where.add("strpos(lower(m.name || ' ' || m.title || ' ' || g.name), lower(?)) > 0", query.q);
  where.add('g.signal_id > ?', decodeCursor(query.cursor, 'signals', ['number'])?.[0]);
  const rows = await connection.query<SignalRow<Signal>>(
    `select ${placeColumns}, ${signalColumns}
       from signal g join machine m using (machine_id) ${placeJoins} ${signalJoins} ${where.toSql()}
      order by g.signal_id limit ${where.parameter(query.limit + 1)}`,
    where.parameters,
  );
  const page = toPage(rows, query.limit, 'signals', (row) => [row.signal_id]);
  return { items: page.items.map(toSignal), next: page.next };
}

/** One signal with the addresses it is fed from, or undefined. */
export async function readSignal(connection: Connection, signalId: number): Promise<SignalDetail | undefined> {
  const [row] = await connection.query<SignalRow<SignalDetail>>(
    `select ${placeColumns}, ${signalColumns}, g.counter_rollover,
            coalesce((select json_agg(json_build_object('protocol', a.protocol, 'server', a.server, 'address', a.address) order by a.signal_source_id)
                        from signal_source a where a.signal_id = g.signal_id), '[]') as sources
       from signal g join machine m using (machine_id) ${placeJoins} ${signalJoins} where g.signal_id = $1`,
    [signalId],
  );
  return row === undefined ? undefined : toSignal<SignalDetail>(row);
}
