import type { Connection } from '../../core/database.ts';

/** The ids of a plant of one site, two lines and three machines, made for tests by `createSmallPlant`. */
export interface SmallPlant {
  organization_id: number;
  site_id: number;
  line_ids: [number, number];
  /** m-001 (constraint) and m-002 on the first line, m-003 on the second, which has no constraint. */
  machine_ids: [number, number, number];
  /** Of m-001. */
  temperature: number;
  state: number;
  good: number;
  order: number;
  /** Of m-003. */
  pressure: number;
  early_shift: number;
  night_shift: number;
}

/** Writes a small plant of its own organization as the owner. */
export async function createSmallPlant(database: Connection, enterprise: string): Promise<SmallPlant> {
  async function insert(table: string, row: Record<string, unknown>): Promise<number> {
    const names = Object.keys(row);
    const [made] = await database.query<Record<string, number>>(
      `insert into ${table} (${names.join(', ')}) values (${names.map((_, index) => `$${index + 1}`).join(', ')}) returning ${table}_id`,
      Object.values(row),
    );
    const id = made?.[`${table}_id`];
    if (id === undefined) throw new Error(`No ${table} was made.`);
    return id;
  }
  const organization_id = await insert('organization', { name: enterprise });
  const own = { organization_id };
  const site_id = await insert('site', { ...own, name: 'berlin', title: 'Berlin', time_zone: 'Europe/Berlin' });
  const line = (name: string, position: number) => insert('line', { ...own, site_id, name, title: name, position });
  const line_ids: [number, number] = [await line('line-01', 0), await line('line-02', 1)];
  const machine = (line_id: number, name: string, position: number, is_constraint: boolean) =>
    insert('machine', { ...own, line_id, name, title: `Machine ${name}`, position, is_constraint });
  const machine_ids: [number, number, number] = [
    await machine(line_ids[0], 'm-001', 0, true),
    await machine(line_ids[0], 'm-002', 1, false),
    await machine(line_ids[1], 'm-003', 0, false),
  ];
  const signal = (machine_id: number, name: string, kind: string, unit: string, more: Record<string, unknown> = {}) =>
    insert('signal', { ...own, machine_id, name, kind, quantity: name, unit, ...more });
  const shift = (name: string, start_time: string, end_time: string, position: number) =>
    insert('shift', { ...own, site_id, name, start_time, end_time, position });
  const plant = {
    organization_id,
    site_id,
    line_ids,
    machine_ids,
    temperature: await signal(machine_ids[0], 'temperature', 'measurement', 'Cel', {
      limit_high: 80,
      range_low: 0,
      range_high: 120,
    }),
    state: await signal(machine_ids[0], 'state', 'state', ''),
    good: await signal(machine_ids[0], 'good', 'counter', '1'),
    order: await signal(machine_ids[0], 'order', 'order', ''),
    pressure: await signal(machine_ids[2], 'pressure', 'measurement', 'bar'),
    early_shift: await shift('early', '06:00', '14:00', 0),
    night_shift: await shift('night', '22:00', '06:00', 1),
  };
  await database.execute(
    `insert into signal_source (organization_id, signal_id, protocol, address) values ($1, $2, 'mqtt', $3)`,
    [organization_id, plant.temperature, `${enterprise}/berlin/line-01/m-001/temperature`],
  );
  return plant;
}
