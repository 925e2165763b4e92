import type { Connection, Database } from '../database.ts';
import type { Plant } from './plant-document.ts';
import { findShiftOverlaps, type ShiftTime } from './shift-overlaps.ts';

export interface ImportResult {
  organization_id: number;
  /** Rows written (new or changed) by table; a second import of the same plant writes none. */
  written: Record<string, number>;
  /** Rows removed by table; empty unless removal was asked for. */
  removed: Record<string, number>;
}

/**
 * Writes a checked plant in one transaction: everything or nothing. Rows are found by name, so an import again changes
 * what differs and nothing else. What the database has and the plant has not stays, unless `remove` is set; then it is
 * deleted with all that hangs on it except the readings themselves. The organization is the one named `enterprise`.
 */
export async function importPlant(database: Database, plant: Plant, remove = false): Promise<ImportResult> {
  return database.withTransaction(async (connection) => {
    // Two imports at once would otherwise meet in the unique indexes and one would fail half-way through its work.
    await connection.query(`select pg_advisory_xact_lock(hashtext('millrace import plant'))`);
    await connection.query('insert into organization (name) values ($1) on conflict (name) do nothing', [
      plant.enterprise,
    ]);
    const [organization] = await connection.query<{ organization_id: number }>(
      'select organization_id from organization where name = $1',
      [plant.enterprise],
    );
    if (organization === undefined) throw new Error(`Organization "${plant.enterprise}" was neither found nor made.`);
    const { organization_id } = organization;
    await connection.query(`select set_config('millrace.organization_id', $1, true)`, [String(organization_id)]);
    const rows = plantRows(plant);
    const removed = remove ? await removeOthers(connection, organization_id, rows) : {};
    const written: Record<string, number> = {};
    for (const [table, write] of Object.entries(writers)) {
      const list = rows[table as keyof PlantRows];
      written[table] = list.length === 0 ? 0 : await connection.execute(write, [organization_id, JSON.stringify(list)]);
    }
    await refuseOverlaps(connection, organization_id);
    return { organization_id, written, removed };
  });
}

/** The shifts of a file do not overlap; one that the database has and the file has not may still overlap one of them. */
async function refuseOverlaps(connection: Connection, organizationId: number): Promise<void> {
  const sites = await connection.query<{ site: string; shifts: ShiftTime[] }>(
    `select site.name as site,
            json_agg(json_build_object('name', s.name, 'weekdays', s.weekdays,
              'start', (extract(epoch from s.start_time) / 60)::float8, 'end', (extract(epoch from s.end_time) / 60)::float8)
              order by s.shift_id) as shifts
       from shift s join site using (site_id) where s.organization_id = $1 group by site.site_id`,
    [organizationId],
  );
  for (const { site, shifts } of sites) {
    const [pair] = findShiftOverlaps(shifts);
    if (pair === undefined) continue;
    const [one, other] = pair.map((position) => `"${shifts[position]?.name}"`);
    throw new Error(
      `The shifts ${one} and ${other} of site ${site} are worked at the same time, so nothing was imported. What the ` +
        'database has and the file has not stays: give the shift its old name, or import with --remove.',
    );
  }
}

type PlantRows = ReturnType<typeof plantRows>;

/** The plant as one flat list a table; children carry the names of their parents. */
function plantRows(plant: Plant) {
  const sites = plant.sites.map((site) => ({ site: site.name, title: site.title, time_zone: site.time_zone }));
  const lines = plant.sites.flatMap((site) =>
    site.lines.map((line, position) => ({ of: line, row: { site: site.name, line: line.name, position } })),
  );
  const machines = lines.flatMap(({ of: line, row }) =>
    line.machines.map((machine, position) => ({ of: machine, row: { ...row, machine: machine.name, position } })),
  );
  const signals = machines.flatMap(({ of: machine, row }) =>
    machine.signals.map((signal, position) => ({ of: signal, row: { ...row, signal: signal.name, position } })),
  );
  return {
    site: sites,
    line: lines.map(({ of: line, row }) => ({ ...row, title: line.title })),
    product: plant.products.map((product) => ({ code: product.code, title: product.title })),
    ideal_cycle: lines.flatMap(({ of: line, row }) => line.ideal_cycles.map((cycle) => ({ ...row, ...cycle }))),
    shift: plant.sites.flatMap((site) =>
      site.shifts.map((shift, position) => ({ site: site.name, position, ...shift })),
    ),
    machine: machines.map(({ of: machine, row }) => ({ ...machine, ...row, signals: undefined })),
    signal: signals.map(({ of: signal, row }) => ({ ...signal, ...row, sources: undefined })),
    signal_source: signals.flatMap(({ of: signal, row }) => signal.sources.map((source) => ({ ...row, ...source }))),
    employee: plant.employees,
  };
}

// Each statement takes the organization and the rows as JSON, and answers how many rows it wrote: `is distinct from`
// keeps unchanged rows untouched, so that an import of the same file again writes nothing.
const writers = {
  site: `
    insert into site (organization_id, name, title, time_zone)
    select $1, r.site, r.title, r.time_zone
      from rows from (jsonb_to_recordset($2::jsonb) as (site text, title text, time_zone text)) with ordinality r order by ordinality
    on conflict (organization_id, name) do update set title = excluded.title, time_zone = excluded.time_zone
     where (site.title, site.time_zone) is distinct from (excluded.title, excluded.time_zone)`,
  line: `
    insert into line (organization_id, site_id, name, title, position)
    select $1, site_id, r.line, r.title, r.position
      from jsonb_to_recordset($2::jsonb) as r(site text, line text, title text, position int)
      join site on site.organization_id = $1 and site.name = r.site
     order by site_id, r.position
    on conflict (site_id, name) do update set title = excluded.title, position = excluded.position
     where (line.title, line.position) is distinct from (excluded.title, excluded.position)`,
  product: `
    insert into product (organization_id, code, title)
    select $1, r.code, r.title
      from rows from (jsonb_to_recordset($2::jsonb) as (code text, title text)) with ordinality r order by ordinality
    on conflict (organization_id, code) do update set title = excluded.title
     where product.title is distinct from excluded.title`,
  ideal_cycle: `
    insert into ideal_cycle (organization_id, line_id, product_id, ideal_cycle_seconds)
    select $1, line_id, product_id, r.seconds
      from jsonb_to_recordset($2::jsonb) as r(site text, line text, product text, seconds float8)
      join site on site.organization_id = $1 and site.name = r.site
      join line on line.site_id = site.site_id and line.name = r.line
      join product on product.organization_id = $1 and product.code = r.product
    on conflict (line_id, product_id) do update set ideal_cycle_seconds = excluded.ideal_cycle_seconds
     where ideal_cycle.ideal_cycle_seconds is distinct from excluded.ideal_cycle_seconds`,
  shift: `
    insert into shift (organization_id, site_id, name, weekdays, start_time, end_time, breaks, position)
    select $1, site_id, r.name, array(select jsonb_array_elements_text(r.weekdays)::int), r.start, r."end", r.breaks, r.position
      from jsonb_to_recordset($2::jsonb) as r(site text, position int, name text, weekdays jsonb, start time, "end" time, breaks jsonb)
      join site on site.organization_id = $1 and site.name = r.site
     order by site_id, r.position
    on conflict (site_id, name) do update
       set weekdays = excluded.weekdays, start_time = excluded.start_time, end_time = excluded.end_time,
           breaks = excluded.breaks, position = excluded.position
     where (shift.weekdays, shift.start_time, shift.end_time, shift.breaks, shift.position)
           is distinct from (excluded.weekdays, excluded.start_time, excluded.end_time, excluded.breaks, excluded.position)`,
  machine: `
    with r as (
      select line_id, r.*
        from jsonb_to_recordset($2::jsonb) as r(site text, line text, position int, name text, title text, class text,
             criticality text, "constraint" bool, manufacturer text, model text, serial_number text)
        join site on site.organization_id = $1 and site.name = r.site
        join line on line.site_id = site.site_id and line.name = r.line
    )
    insert into machine (organization_id, line_id, name, title, machine_class, criticality, is_constraint,
                         manufacturer, model, serial_number, position)
    select $1, line_id, name, title, class, criticality, "constraint", manufacturer, model, serial_number, position
      from r
     -- A line may have one constraint only, at every moment: machines that give it up are written first.
     order by "constraint", line_id, position
    on conflict (line_id, name) do update
       set title = excluded.title, machine_class = excluded.machine_class, criticality = excluded.criticality,
           is_constraint = excluded.is_constraint, manufacturer = excluded.manufacturer, model = excluded.model,
           serial_number = excluded.serial_number, position = excluded.position
     where (machine.title, machine.machine_class, machine.criticality, machine.is_constraint, machine.manufacturer,
            machine.model, machine.serial_number, machine.position)
           is distinct from (excluded.title, excluded.machine_class, excluded.criticality, excluded.is_constraint,
            excluded.manufacturer, excluded.model, excluded.serial_number, excluded.position)`,
  signal: `
    insert into signal (organization_id, machine_id, name, kind, quantity, unit, expected_interval_seconds, range_low,
           range_high, limit_low_low, limit_low, limit_high, limit_high_high, deadband, on_delay_seconds,
           off_delay_seconds, counter_rollover, position)
    select $1, machine_id, r.signal, r.kind, r.quantity, r.unit, r.expected_interval_seconds, r.range_low, r.range_high,
           r.limit_low_low, r.limit_low, r.limit_high, r.limit_high_high, r.deadband, r.on_delay_seconds,
           r.off_delay_seconds, r.counter_rollover, r.position
      from jsonb_to_recordset($2::jsonb) as r(site text, line text, machine text, signal text, position int, kind text,
           quantity text, unit text, expected_interval_seconds float8, range_low float8, range_high float8,
           limit_low_low float8, limit_low float8, limit_high float8, limit_high_high float8, deadband float8,
           on_delay_seconds float8, off_delay_seconds float8, counter_rollover float8)
      join site on site.organization_id = $1 and site.name = r.site
      join line on line.site_id = site.site_id and line.name = r.line
      join machine on machine.line_id = line.line_id and machine.name = r.machine
     order by machine_id, r.position
    on conflict (machine_id, name) do update
       set kind = excluded.kind, quantity = excluded.quantity, unit = excluded.unit,
           expected_interval_seconds = excluded.expected_interval_seconds, range_low = excluded.range_low,
           range_high = excluded.range_high, limit_low_low = excluded.limit_low_low, limit_low = excluded.limit_low,
           limit_high = excluded.limit_high, limit_high_high = excluded.limit_high_high, deadband = excluded.deadband,
           on_delay_seconds = excluded.on_delay_seconds, off_delay_seconds = excluded.off_delay_seconds,
           counter_rollover = excluded.counter_rollover, position = excluded.position
     where (signal.kind, signal.quantity, signal.unit, signal.expected_interval_seconds, signal.range_low,
            signal.range_high, signal.limit_low_low, signal.limit_low, signal.limit_high, signal.limit_high_high,
            signal.deadband, signal.on_delay_seconds, signal.off_delay_seconds, signal.counter_rollover, signal.position)
           is distinct from (excluded.kind, excluded.quantity, excluded.unit, excluded.expected_interval_seconds,
            excluded.range_low, excluded.range_high, excluded.limit_low_low, excluded.limit_low, excluded.limit_high,
            excluded.limit_high_high, excluded.deadband, excluded.on_delay_seconds, excluded.off_delay_seconds,
            excluded.counter_rollover, excluded.position)`,
  signal_source: `
    insert into signal_source (organization_id, signal_id, protocol, server, address)
    select $1, signal_id, r.protocol, r.server, r.address
      from jsonb_to_recordset($2::jsonb) as r(site text, line text, machine text, signal text, protocol text, server text, address text)
      join site on site.organization_id = $1 and site.name = r.site
      join line on line.site_id = site.site_id and line.name = r.line
      join machine on machine.line_id = line.line_id and machine.name = r.machine
      join signal on signal.machine_id = machine.machine_id and signal.name = r.signal
     order by signal_id
    on conflict (organization_id, protocol, server, address) do update set signal_id = excluded.signal_id
     where signal_source.signal_id is distinct from excluded.signal_id`,
  employee: `
    insert into employee (organization_id, site_id, email, name, role)
    select $1, site_id, r.email, r.name, r.role
      from rows from (jsonb_to_recordset($2::jsonb) as (email text, name text, role text, site text)) with ordinality r
      left join site on site.organization_id = $1 and site.name = r.site
     order by ordinality
    on conflict (organization_id, lower(email)) do update
       set site_id = excluded.site_id, name = excluded.name, role = excluded.role
     where (employee.site_id, employee.name, employee.role) is distinct from (excluded.site_id, excluded.name, excluded.role)`,
} satisfies Record<keyof PlantRows, string>;

// From the leaves up, so that the counts name what was really removed and not what a cascade took along. Employees are
// people with a history; an import never removes them.
const removers = {
  signal_source: `
    delete from signal_source using signal, machine, line, site
     where signal_source.signal_id = signal.signal_id and signal.machine_id = machine.machine_id
       and machine.line_id = line.line_id and line.site_id = site.site_id and site.organization_id = $1
       and (site.name, line.name, machine.name, signal.name, signal_source.protocol, signal_source.server, signal_source.address) not in
           (select site, line, machine, signal, protocol, server, address from jsonb_to_recordset($2::jsonb)
                as r(site text, line text, machine text, signal text, protocol text, server text, address text))`,
  signal: `
    delete from signal using machine, line, site
     where signal.machine_id = machine.machine_id and machine.line_id = line.line_id and line.site_id = site.site_id
       and site.organization_id = $1
       and (site.name, line.name, machine.name, signal.name) not in
           (select site, line, machine, signal from jsonb_to_recordset($2::jsonb) as r(site text, line text, machine text, signal text))`,
  machine: `
    delete from machine using line, site
     where machine.line_id = line.line_id and line.site_id = site.site_id and site.organization_id = $1
       and (site.name, line.name, machine.name) not in
           (select site, line, machine from jsonb_to_recordset($2::jsonb) as r(site text, line text, machine text))`,
  ideal_cycle: `
    delete from ideal_cycle using line, site, product
     where ideal_cycle.line_id = line.line_id and line.site_id = site.site_id and site.organization_id = $1
       and ideal_cycle.product_id = product.product_id
       and (site.name, line.name, product.code) not in
           (select site, line, product from jsonb_to_recordset($2::jsonb) as r(site text, line text, product text))`,
  shift: `
    delete from shift using site
     where shift.site_id = site.site_id and site.organization_id = $1
       and (site.name, shift.name) not in (select site, name from jsonb_to_recordset($2::jsonb) as r(site text, name text))`,
  line: `
    delete from line using site
     where line.site_id = site.site_id and site.organization_id = $1
       and (site.name, line.name) not in (select site, line from jsonb_to_recordset($2::jsonb) as r(site text, line text))`,
  site: `
    delete from site
     where organization_id = $1 and name not in (select site from jsonb_to_recordset($2::jsonb) as r(site text))`,
  product: `
    delete from product
     where organization_id = $1 and code not in (select code from jsonb_to_recordset($2::jsonb) as r(code text))`,
} satisfies Partial<Record<keyof PlantRows, string>>;

async function removeOthers(
  connection: Connection,
  organizationId: number,
  rows: PlantRows,
): Promise<Record<string, number>> {
  const removed: Record<string, number> = {};
  for (const [table, sql] of Object.entries(removers)) {
    removed[table] = await connection.execute(sql, [organizationId, JSON.stringify(rows[table as keyof PlantRows])]);
  }
  return removed;
}
