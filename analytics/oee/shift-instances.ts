import type { Connection, Database } from '../../core/database.ts';
import { expandShifts, type Shift, type ShiftInstance } from './expand-shifts.ts';

/** The calendar as the database has it. */
async function readShifts(connection: Connection): Promise<Shift[]> {
  return connection.query<Shift>(
    `select s.shift_id, s.organization_id, s.site_id, site.time_zone, s.weekdays, s.start_time::text, s.end_time::text, s.breaks,
            first_value(s.start_time::text) over (partition by s.site_id order by s.position, s.start_time) as day_starts
       from shift s join site using (site_id)`,
  );
}

/**
 * Makes sure that [fromMs, toMs) has its shift instances. Those that have begun are history and stay as they are, even
 * when the calendar changed since; later ones follow the calendar.
 */
export async function writeShiftInstances(
  database: Database,
  fromMs: number,
  toMs: number,
  nowMs: number,
): Promise<void> {
  await database.withTransaction(async (connection) => {
    await connection.query("select pg_advisory_xact_lock(hashtext('analytics shifts'))");
    const instances = expandShifts(await readShifts(connection), fromMs, toMs);
    await connection.query(
      `delete from shift_instance
        where started_at > to_timestamp($1::float8 / 1000) and started_at < to_timestamp($2::float8 / 1000)
          and (shift_id, production_date) not in (select * from unnest($3::int[], $4::date[]))`,
      [nowMs, toMs, instances.map((one) => one.shift_id), instances.map((one) => one.production_date)],
    );
    await insert(connection, instances, nowMs);
  });
}

async function insert(connection: Connection, instances: readonly ShiftInstance[], nowMs: number): Promise<void> {
  await connection.query(
    `insert into shift_instance as s (organization_id, site_id, shift_id, production_date, started_at, ended_at, breaks)
     select organization_id, site_id, shift_id, production_date::date, to_timestamp(started_ms / 1000), to_timestamp(ended_ms / 1000), breaks::tstzmultirange
       from unnest($1::int[], $2::int[], $3::int[], $4::text[], $5::float8[], $6::float8[], $7::text[])
              as i(organization_id, site_id, shift_id, production_date, started_ms, ended_ms, breaks)
     on conflict (shift_id, production_date) do update
        set started_at = excluded.started_at, ended_at = excluded.ended_at, breaks = excluded.breaks
      where s.started_at > to_timestamp($8::float8 / 1000)
        and (s.started_at, s.ended_at, s.breaks) is distinct from (excluded.started_at, excluded.ended_at, excluded.breaks)`,
    [
      instances.map((one) => one.organization_id),
      instances.map((one) => one.site_id),
      instances.map((one) => one.shift_id),
      instances.map((one) => one.production_date),
      instances.map((one) => one.started_ms),
      instances.map((one) => one.ended_ms),
      instances.map((one) => toMultirange(one.breaks)),
      nowMs,
    ],
  );
}

function toMultirange(breaks: ShiftInstance['breaks']): string {
  const ranges = breaks.map(({ started_ms, ended_ms }) => `["${iso(started_ms)}","${iso(ended_ms)}")`);
  return `{${ranges.join(',')}}`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
