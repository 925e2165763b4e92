import type { Connection } from '../../core/database.ts';

/** One machine of the small plant, with the ids of its signals by name. */
export interface SmallMachine {
  machine_id: number;
  signals: Record<string, number>;
}

export interface SmallPlant {
  organization_id: number;
  site_id: number;
  line_id: number;
  machines: SmallMachine[];
  product_ids: Record<string, number>;
}

/**
 * A plant of one line with `machineCount` machines of twelve signals, two products, ideal cycles of 2 s and 4 s, and one
 * shift round the clock with a break at noon UTC. Measurements have limits 10, 20, 80, 90, a deadband of 1 and no delays.
 */
export async function insertSmallPlant(
  connection: Connection,
  machineCount: number,
  name = 'small',
): Promise<SmallPlant> {
  const id = async (sql: string, parameters: unknown[]): Promise<number> => {
    const [row] = await connection.query<{ id: number }>(sql, parameters);
    return row?.id ?? Number.NaN;
  };
  const organization = await id('insert into organization (name) values ($1) returning organization_id as id', [name]);
  const site = await id(
    `insert into site (organization_id, name, title, time_zone) values ($1, 'site', 'Site', 'UTC') returning site_id as id`,
    [organization],
  );
  const line = await id(
    `insert into line (organization_id, site_id, name, title) values ($1, $2, 'line', 'Line') returning line_id as id`,
    [organization, site],
  );
  const products: Record<string, number> = {};
  for (const [code, cycle] of [
    ['P-1', 2],
    ['P-2', 4],
  ] as const) {
    products[code] = await id(
      'insert into product (organization_id, code, title) values ($1, $2, $2) returning product_id as id',
      [organization, code],
    );
    await connection.query('insert into ideal_cycle values ($1, $2, $3, $4)', [
      organization,
      line,
      products[code],
      cycle,
    ]);
    await connection.query('insert into text_value (organization_id, text) values ($1, $2)', [organization, code]);
  }
  await connection.query(
    `insert into shift (organization_id, site_id, name, start_time, end_time, breaks)
     values ($1, $2, 'all day', '00:00', '00:00', '[{"start":"12:00","end":"12:30"}]')`,
    [organization, site],
  );
  const machines: SmallMachine[] = [];
  for (let number = 1; number <= machineCount; number++) {
    const machine = await id(
      `insert into machine (organization_id, line_id, name, title, is_constraint) values ($1, $2, $3, $3, $4) returning machine_id as id`,
      [organization, line, `m-${String(number).padStart(3, '0')}`, number === 1],
    );
    const rows = await connection.query<{ signal_id: number; name: string }>(
      `insert into signal (organization_id, machine_id, name, kind, quantity, unit, limit_low_low, limit_low, limit_high, limit_high_high, deadband,
              range_low, range_high)
       select $1, $2, name, kind, name, '', low_low, low, high, high_high, case when kind = 'measurement' then 1 else 0 end, 0, 100
         from unnest($3::text[], $4::text[]) as s(name, kind)
         left join (values ('measurement', 10, 20, 80, 90)) as l(kind, low_low, low, high, high_high) using (kind)
       returning signal_id, name`,
      [
        organization,
        machine,
        [
          'temperature',
          'vibration',
          'pressure',
          'current',
          'voltage',
          'torque',
          'state',
          'mode',
          'good',
          'reject',
          'fault',
          'order',
        ],
        [...Array.from({ length: 6 }, () => 'measurement'), 'state', 'state', 'counter', 'counter', 'fault', 'order'],
      ],
    );
    machines.push({ machine_id: machine, signals: Object.fromEntries(rows.map((row) => [row.name, row.signal_id])) });
  }
  return { organization_id: organization, site_id: site, line_id: line, machines, product_ids: products };
}

/** The number that stands for an order's product code in a reading. */
export async function textValueOf(connection: Connection, plant: SmallPlant, text: string): Promise<number> {
  const [row] = await connection.query<{ text_value_id: number }>(
    'select text_value_id from text_value where organization_id = $1 and text = $2',
    [plant.organization_id, text],
  );
  return row?.text_value_id ?? Number.NaN;
}
