import type { Database } from '../database.ts';
import { checkPlant, valueAt } from './check-plant.ts';
import type { Plant, PlantInput } from './plant-document.ts';

/**
 * The plant of one enterprise as it stands in the database, in the order in which people see it. Reads one snapshot.
 * What is stored and would not be accepted by an import is written all the same, since a file is where it is put right;
 * `onProblem` gets a sentence for each. Throws when there is no such enterprise.
 */
export async function exportPlant(
  database: Database,
  enterprise: string,
  onProblem: (sentence: string) => void = () => undefined,
): Promise<Plant> {
  const rows = await database.query<{ plant: PlantInput | null }>(exportSql, [enterprise]);
  const written = rows[0]?.plant;
  if (written === undefined || written === null) {
    throw new Error(
      `There is no plant of enterprise "${enterprise}" in this database; see "npm run plant" for how to import one.`,
    );
  }
  const { plant, problems } = checkPlant(written);
  if (plant !== undefined) return plant;
  for (const { path, accepted } of problems) {
    onProblem(`${path.join('.')} is ${JSON.stringify(valueAt(written, path))}; accepted is ${accepted}.`);
  }
  // Every column is in the statement, so that the defaults which a check fills in are there already.
  return written as Plant;
}

/** One statement, so that the document is of one moment. JSON carries float8 to its last digit. */
const exportSql = `
select jsonb_build_object(
  'enterprise', o.name,
  'products', coalesce((
    select jsonb_agg(jsonb_build_object('code', code, 'title', title) order by product_id)
      from product where product.organization_id = o.organization_id), '[]'),
  'employees', coalesce((
    select jsonb_agg(jsonb_build_object('email', e.email, 'name', e.name, 'role', e.role, 'site', s.name) order by employee_id)
      from employee e left join site s using (site_id) where e.organization_id = o.organization_id), '[]'),
  'sites', coalesce((
    select jsonb_agg(jsonb_build_object(
             'name', s.name, 'title', s.title, 'time_zone', s.time_zone,
             'shifts', coalesce((
               select jsonb_agg(jsonb_build_object(
                        'name', name, 'weekdays', to_jsonb(weekdays), 'start', to_char(start_time, 'HH24:MI'),
                        'end', to_char(end_time, 'HH24:MI'), 'breaks', breaks) order by position, shift_id)
                 from shift where shift.site_id = s.site_id), '[]'),
             'lines', coalesce(lines.list, '[]')) order by s.site_id)
      from site s
      left join lateral (
        select jsonb_agg(jsonb_build_object(
                 'name', l.name, 'title', l.title,
                 'ideal_cycles', coalesce((
                   select jsonb_agg(jsonb_build_object('product', code, 'seconds', ideal_cycle_seconds) order by product_id)
                     from ideal_cycle join product using (product_id) where ideal_cycle.line_id = l.line_id), '[]'),
                 'machines', coalesce(machines.list, '[]')) order by l.position, l.line_id) as list
          from line l
          left join lateral (
            select jsonb_agg(jsonb_build_object(
                     'name', m.name, 'title', m.title, 'class', m.machine_class, 'criticality', m.criticality,
                     'constraint', m.is_constraint, 'manufacturer', m.manufacturer, 'model', m.model,
                     'serial_number', m.serial_number, 'signals', coalesce(signals.list, '[]'))
                     order by m.position, m.machine_id) as list
              from machine m
              left join lateral (
                select jsonb_agg(jsonb_build_object(
                         'name', g.name, 'kind', g.kind, 'quantity', g.quantity, 'unit', g.unit,
                         'expected_interval_seconds', g.expected_interval_seconds, 'range_low', g.range_low,
                         'range_high', g.range_high, 'limit_low_low', g.limit_low_low, 'limit_low', g.limit_low,
                         'limit_high', g.limit_high, 'limit_high_high', g.limit_high_high, 'deadband', g.deadband,
                         'on_delay_seconds', g.on_delay_seconds, 'off_delay_seconds', g.off_delay_seconds,
                         'counter_rollover', g.counter_rollover,
                         'sources', coalesce((
                           select jsonb_agg(jsonb_build_object('protocol', protocol, 'server', server, 'address', address)
                                            order by signal_source_id)
                             from signal_source where signal_source.signal_id = g.signal_id), '[]'))
                         order by g.position, g.signal_id) as list
                  from signal g where g.machine_id = m.machine_id) signals on true
             where m.line_id = l.line_id) machines on true
         where l.site_id = s.site_id) lines on true
     where s.organization_id = o.organization_id), '[]')) as plant
  from organization o
 where o.name = $1
   and exists (select from site where site.organization_id = o.organization_id)`;
