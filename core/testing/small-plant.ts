import type { Connection } from '../database.ts';

export interface SmallPlant {
  organization_id: number;
  line_id: number;
  machine_id: number;
  /** As many measurements of the one machine as were asked for. */
  signal_ids: number[];
}

/** An organization with one site, one line, one machine and `signals` measurements, for tests that need no more. */
export async function insertSmallPlant(
  connection: Connection,
  organization: string,
  signals: number,
): Promise<SmallPlant> {
  const rows = await connection.query<SmallPlant & { signal_id: number }>(
    `with o as (insert into organization (name) values ($1) returning organization_id),
     s as (insert into site (organization_id, name, title, time_zone)
           select organization_id, 'hall', 'Hall', 'Europe/Berlin' from o returning organization_id, site_id),
     l as (insert into line (organization_id, site_id, name, title)
           select organization_id, site_id, 'line-01', 'Line 1' from s returning organization_id, line_id),
     m as (insert into machine (organization_id, line_id, name, title)
           select organization_id, line_id, 'm-001', 'Machine 1' from l returning organization_id, machine_id, line_id),
     g as (insert into signal (organization_id, machine_id, name, kind, quantity)
           select organization_id, machine_id, 'signal-' || i, 'measurement', 'temperature' from m, generate_series(1, $2::int) i
           returning signal_id)
     select m.organization_id, m.line_id, m.machine_id, g.signal_id from m, g order by g.signal_id`,
    [organization, signals],
  );
  const [first] = rows;
  if (first === undefined) throw new Error('A small plant needs at least one signal.');
  const { organization_id, line_id, machine_id } = first;
  return { organization_id, line_id, machine_id, signal_ids: rows.map((row) => row.signal_id) };
}
