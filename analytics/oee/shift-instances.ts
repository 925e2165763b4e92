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
 * when the calendar changed since; later ones follow the calendar. A site has one shift at a time: when the calendar is
 * changed in the middle of a shift, that one is worked to its end and what overlaps it begins there. Before, both ran, an
 * hour of a machine belonged to two shifts, and writing its slice failed.
 */
export async function writeShiftInstances(
  database: Database,
  fromMs: number,
  toMs: number,
  nowMs: number,
): Promise<void> {
  await database.withTransaction(async (connection) => {
    await connection.query("select pg_advisory_xact_lock(hashtext('analytics shifts'))");
    const begun = await readBegun(connection, fromMs, nowMs);
    const instances = cutOverlaps(expandShifts(await readShifts(connection), fromMs, toMs), begun);
    await connection.query(
      `delete from shift_instance
        where started_at > to_timestamp($1::float8 / 1000) and started_at < to_timestamp($2::float8 / 1000)
          and (shift_id, production_date) not in (select * from unnest($3::int[], $4::date[]))`,
      [nowMs, toMs, instances.map((one) => one.shift_id), instances.map((one) => one.production_date)],
    );
    await insert(connection, instances, nowMs);
  });
}

type Begun = Pick<ShiftInstance, 'shift_id' | 'site_id' | 'production_date' | 'started_ms' | 'ended_ms'>;

async function readBegun(connection: Connection, fromMs: number, nowMs: number): Promise<Begun[]> {
  return connection.query<Begun>(
    `select shift_id, site_id, production_date::text, (extract(epoch from started_at) * 1000)::float8 as started_ms,
            (extract(epoch from ended_at) * 1000)::float8 as ended_ms
       from shift_instance
      where started_at <= to_timestamp($2::float8 / 1000) and ended_at > to_timestamp($1::float8 / 1000)
      order by started_at`,
    [fromMs, nowMs],
  );
}

/**
 * The instances without the time of others of their site that have begun or begin before them: a calendar from before
 * overlaps were refused may still hold two shifts at once.
 */
function cutOverlaps(instances: readonly ShiftInstance[], begun: readonly Begun[]): ShiftInstance[] {
  const taken = [...begun];
  return instances
    .toSorted((one, other) => one.started_ms - other.started_ms)
    .flatMap((instance) => {
      const left = cutBegun(instance, taken);
      taken.push(...left);
      return left;
    });
}

/** The instance without the time of others of its site that come first; none when nothing is left of it. */
function cutBegun(instance: ShiftInstance, begun: readonly Begun[]): ShiftInstance[] {
  const { shift_id, site_id, production_date } = instance;
  let { started_ms, ended_ms } = instance;
  for (const other of begun) {
    if (other.site_id !== site_id) continue;
    // It has begun itself, and stays as it is.
    if (other.shift_id === shift_id && other.production_date === production_date) return [instance];
    if (other.started_ms >= ended_ms || other.ended_ms <= started_ms) continue;
    if (other.started_ms <= started_ms) started_ms = other.ended_ms;
    else ended_ms = other.started_ms;
  }
  return started_ms < ended_ms ? [{ ...instance, started_ms, ended_ms }] : [];
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
