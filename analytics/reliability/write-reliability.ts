import type { Connection, Database } from '../../core/database.ts';
import { countReliability, estimateReliability, type StateSpan } from './estimate.ts';

/** The windows that are kept, in days. */
export const windowDays = [7, 30, 90] as const;

const dayMs = 86_400_000;

interface MachineRow {
  machine_id: number;
  organization_id: number;
  first_ms: number;
  known_ms: number;
  has_fault_signal: boolean;
}

/** Computes MTBF, MTTR and availability of every machine over every window that ends now. */
export async function writeReliability(database: Database, nowMs: number): Promise<void> {
  const machines = await database.query<MachineRow>(
    `select p.machine_id, p.organization_id,
            (select (extract(epoch from min(started_at)) * 1000)::float8 from machine_state s where s.machine_id = p.machine_id) as first_ms,
            (extract(epoch from p.known_to) * 1000)::float8 as known_ms,
            exists (select 1 from signal s where s.machine_id = p.machine_id and s.kind = 'fault') as has_fault_signal
       from machine_progress p
      where exists (select 1 from machine_state s where s.machine_id = p.machine_id)
      order by p.machine_id`,
  );
  const spans = await readStops(database, machines, nowMs - Math.max(...windowDays) * dayMs);
  for (const days of windowDays) {
    const rows = machines.map((machine) => {
      const fromMs = nowMs - days * dayMs;
      const toMs = Math.max(fromMs, Math.min(nowMs, machine.known_ms));
      const counts = countReliability(
        fillBetween(spans.get(machine.machine_id) ?? [], machine.first_ms, toMs),
        fromMs,
        toMs,
        machine.has_fault_signal,
      );
      return { ...machine, ...counts, ...estimateReliability(counts), to_ms: toMs, from_ms: fromMs };
    });
    await upsert(database, days, rows);
  }
}

/**
 * Stops, planned stops and silences per machine since `fromMs`, and what it stood idle between the shifts of its site.
 * The rest, nearly all of time, is operating. A site without shifts, and the time before its first one, is scheduled.
 */
async function readStops(
  database: Database,
  machines: readonly MachineRow[],
  fromMs: number,
): Promise<Map<number, StateSpan[]>> {
  const rows = await database.query<StateSpan & { machine_id: number }>(
    `with gap as (
       select site_id, unnest(tstzmultirange(tstzrange(min(started_at), max(ended_at))) - range_agg(tstzrange(started_at, ended_at))) as free
         from shift_instance where ended_at > to_timestamp($2::float8 / 1000) group by site_id)
     , stop as (
       select machine_id, state, packml_state, fault_code, started_at, ended_at from machine_state
        where machine_id = any($1::int[]) and state in ('down', 'planned_stop', 'no_data')
          and (ended_at is null or ended_at > to_timestamp($2::float8 / 1000))
       union all
       select m.machine_id, 'unscheduled', null, null, greatest(i.started_at, lower(free)), least(i.ended_at, upper(free))
         from gap join line using (site_id) join machine m using (line_id)
        cross join lateral (
              select state, started_at, ended_at from machine_state
               where machine_id = m.machine_id and started_at >= lower(free) and started_at < upper(free)
              union all
              (select state, started_at, ended_at from machine_state
                where machine_id = m.machine_id and started_at < lower(free) order by started_at desc limit 1)) i
        where m.machine_id = any($1::int[]) and i.state in ('idle', 'starved', 'held', 'setup')
          and (i.ended_at is null or i.ended_at > lower(free)))
     select machine_id, state, packml_state, fault_code,
            (extract(epoch from started_at) * 1000)::float8 as started_ms, (extract(epoch from ended_at) * 1000)::float8 as ended_ms
       from stop order by machine_id, started_at`,
    [machines.map((machine) => machine.machine_id), fromMs],
  );
  const byMachine = new Map<number, StateSpan[]>();
  for (const row of rows) {
    const list = byMachine.get(row.machine_id) ?? [];
    byMachine.set(row.machine_id, list);
    list.push(row);
  }
  return byMachine;
}

/** Puts one operating span between stops that do not touch, from the machine's first interval to `toMs`. */
export function fillBetween(stops: readonly StateSpan[], firstMs: number, toMs: number): StateSpan[] {
  const spans: StateSpan[] = [];
  let at = firstMs;
  const operate = (untilMs: number): void => {
    if (untilMs > at)
      spans.push({ started_ms: at, ended_ms: untilMs, state: 'running', packml_state: null, fault_code: null });
  };
  for (const stop of stops) {
    operate(stop.started_ms);
    spans.push(stop);
    at = stop.ended_ms ?? Number.POSITIVE_INFINITY;
  }
  operate(toMs);
  return spans;
}

type Row = MachineRow &
  ReturnType<typeof countReliability> &
  ReturnType<typeof estimateReliability> & { from_ms: number; to_ms: number };

async function upsert(connection: Connection, days: number, rows: readonly Row[]): Promise<void> {
  await connection.query(
    `insert into reliability (machine_id, organization_id, window_days, window_start, window_end, operating_seconds, down_seconds,
            no_data_seconds, failures, repairs, mtbf_operating_seconds, mtbf_operating_lower_seconds, mtbf_operating_upper_seconds,
            mttr_restore_seconds, availability)
     select machine_id, organization_id, $2, to_timestamp(from_ms / 1000), to_timestamp(to_ms / 1000), operating_seconds, down_seconds,
            no_data_seconds, failures, repairs, mtbf_operating_seconds, mtbf_operating_lower_seconds, mtbf_operating_upper_seconds,
            mttr_restore_seconds, availability
       from jsonb_to_recordset($1::jsonb) as r(machine_id int, organization_id int, from_ms float8, to_ms float8, operating_seconds float8,
            down_seconds float8, no_data_seconds float8, failures int, repairs int, mtbf_operating_seconds float8,
            mtbf_operating_lower_seconds float8, mtbf_operating_upper_seconds float8, mttr_restore_seconds float8, availability float8)
     on conflict (machine_id, window_days) do update
        set window_start = excluded.window_start, window_end = excluded.window_end, operating_seconds = excluded.operating_seconds,
            down_seconds = excluded.down_seconds, no_data_seconds = excluded.no_data_seconds, failures = excluded.failures,
            repairs = excluded.repairs, mtbf_operating_seconds = excluded.mtbf_operating_seconds,
            mtbf_operating_lower_seconds = excluded.mtbf_operating_lower_seconds,
            mtbf_operating_upper_seconds = excluded.mtbf_operating_upper_seconds,
            mttr_restore_seconds = excluded.mttr_restore_seconds, availability = excluded.availability, computed_at = now()`,
    [JSON.stringify(rows), days],
  );
}
