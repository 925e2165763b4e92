import type { Connection } from '../../core/database.ts';

/** Where a signal belongs, and its newest stored reading; null columns for one that never spoke. */
export interface LiveSignal {
  signal_id: number;
  machine_id: number;
  line_id: number;
  site_id: number;
  time_ms: number | null;
  value: number | null;
  quality: number | null;
}

/** All signals of the organization with their newest reading, by id. */
export function readLiveSignals(connection: Connection): Promise<LiveSignal[]> {
  return connection.query<LiveSignal>(
    `select g.signal_id, g.machine_id, m.line_id, l.site_id, (extract(epoch from v.time) * 1000)::float8 as time_ms, v.value, v.quality
       from signal g join machine m using (machine_id) join line l using (line_id) left join latest_value v on v.signal_id = g.signal_id
      order by g.signal_id`,
  );
}
