import { expect, test } from 'vitest';
import { createTestDatabase } from '../../core/testing/database.ts';
import { prune } from './housekeeping.ts';

test('feed and rejected readings are bounded, oldest first', async () => {
  const database = await createTestDatabase();
  await database.execute('insert into gateway (gateway_id, last_sequence) values (1, 3)');
  await database.execute(
    `insert into reading_batch (gateway_id, sequence, stored_at, readings, payload)
     select 1, i, now() - (3 - i) * interval '20 hours', 1, '' from generate_series(1, 3) i`,
  );
  await database.execute(
    `with o as (insert into organization (name) values ('millrace') returning organization_id),
          s as (insert into source (organization_id, protocol, name) select organization_id, 'mqtt', 'a' from o returning organization_id, source_id)
     insert into rejected_reading (organization_id, source_id, received_at, address, reason, detail)
     select organization_id, source_id, now() - (10 - i) * interval '5 days', 'row ' || i, 'x', 'y' from s, generate_series(1, 10) i`,
  );
  expect(await prune(database, 1)).toEqual({ batches: 1, rejected: 3 });
  expect(await database.query('select sequence from feed_horizon')).toEqual([{ sequence: 1 }]);
  // 1,000 bytes have room for three rows of 300.
  expect(await prune(database, 1, 1000)).toEqual({ batches: 0, rejected: 4 });
  expect(await database.query('select address from rejected_reading order by 1')).toEqual([
    { address: 'row 10' },
    { address: 'row 8' },
    { address: 'row 9' },
  ]);
});
