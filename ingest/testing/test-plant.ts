import type { Database } from '../../core/database.ts';
import type { SignalKind } from '../../core/reading.ts';

export interface TestSignal {
  signal_id: number;
  address: string;
}

/** One line `millrace/berlin/line-01` with one machine of every kind of signal, all over MQTT. Answers the signals by name. */
export async function createTestPlant(database: Database, measurements = 3): Promise<Map<string, TestSignal>> {
  const [ids] = await database.query<{ organization_id: number; machine_id: number }>(
    `with o as (insert into organization (name) values ('millrace') returning organization_id),
          s as (insert into site (organization_id, name, title, time_zone) select organization_id, 'berlin', 'Berlin', 'Europe/Berlin' from o returning *),
          l as (insert into line (organization_id, site_id, name, title) select organization_id, site_id, 'line-01', 'Line 1' from s returning *)
     insert into machine (organization_id, line_id, name, title) select organization_id, line_id, 'm-001', 'Machine 1' from l
     returning organization_id, machine_id`,
  );
  if (ids === undefined) throw new Error('The test plant was not made.');
  const kinds: [string, SignalKind, string][] = [
    ...Array.from({ length: measurements }, (_, index): [string, SignalKind, string] => [
      `t-${index + 1}`,
      'measurement',
      'temperature',
    ]),
    ['state', 'state', 'state'],
    ['good', 'counter', 'good'],
    ['reject', 'counter', 'reject'],
    ['fault', 'fault', 'fault'],
    ['order', 'order', 'order'],
  ];
  const signals = new Map<string, TestSignal>();
  for (const [name, kind, quantity] of kinds) {
    signals.set(name, await addTestSignal(database, ids, name, kind, quantity));
  }
  return signals;
}

/** One more signal of the test machine with its MQTT address; made in one transaction, as an import does it. */
export async function addTestSignal(
  database: Database,
  ids: { organization_id: number; machine_id: number },
  name: string,
  kind: SignalKind = 'measurement',
  quantity = 'temperature',
): Promise<TestSignal> {
  const address = `millrace/berlin/line-01/m-001/${name}`;
  const [row] = await database.query<{ signal_id: number }>(
    `with s as (insert into signal (organization_id, machine_id, name, kind, quantity) values ($1, $2, $3, $4, $5) returning *)
     insert into signal_source (organization_id, signal_id, protocol, address) select organization_id, signal_id, 'mqtt', $6 from s
     returning signal_id`,
    [ids.organization_id, ids.machine_id, name, kind, quantity, address],
  );
  if (row === undefined) throw new Error(`The test signal ${name} was not made.`);
  return { signal_id: row.signal_id, address };
}
