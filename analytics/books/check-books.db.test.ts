import { expect, test } from 'vitest';
import { createTestDatabase } from '../../core/testing/database.ts';
import { insertSmallPlant } from '../../core/testing/small-plant.ts';
import { checkBooks } from './check-books.ts';

test('a tampered row of the books is an alarm until they balance again', async () => {
  const database = await createTestDatabase();
  const plant = await insertSmallPlant(database, 'millrace', 1);
  await database.execute(
    `with s as (insert into source (organization_id, protocol, name) values ($1, 'mqtt', 'millrace/hall/line-01') returning source_id)
     insert into ledger (organization_id, source_id, minute, received, stored, duplicate)
     select $1, source_id, date_trunc('minute', now()) - i * interval '1 minute', 60, 59, 1 from s, generate_series(1, 3) i`,
    [plant.organization_id],
  );
  const alarms = () =>
    database.query(
      "select machine_id, priority, state, value, message, returned_at is null as open from alarm where kind = 'ledger'",
    );
  expect(await checkBooks(database)).toBe(0);
  expect(await alarms()).toEqual([]);
  await database.execute('update ledger set stored = stored - 2 where minute = (select max(minute) from ledger)');
  expect(await checkBooks(database)).toBe(1);
  // Checked again, by another process too: still one alarm.
  await Promise.all([checkBooks(database), checkBooks(database)]);
  expect(await alarms()).toEqual([
    {
      machine_id: plant.machine_id,
      priority: 1,
      state: 'unacknowledged',
      value: 2,
      message: 'The books do not balance: 2 of 180 readings received from millrace/hall/line-01 have no end.',
      open: true,
    },
  ]);
  // Two errors that cancel each other in the sum are seen as well.
  await database.execute('update ledger set stored = stored + 2 where minute = (select min(minute) from ledger)');
  expect(await checkBooks(database)).toBe(1);
  await database.execute('update ledger set stored = 59');
  expect(await checkBooks(database)).toBe(0);
  expect(await alarms()).toMatchObject([{ state: 'returned_unacknowledged', open: false }]);
});
