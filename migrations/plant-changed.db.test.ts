import { describe, expect, test } from 'vitest';
import { createTestDatabase, testEngines } from '../core/testing/database.ts';
import { waitUntil } from '../core/testing/wait-until.ts';

// What ingest, analytics and the live pages keep in memory of the plant (employees are asked for at each request).
const tables = ['site', 'line', 'machine', 'signal', 'signal_source', 'product', 'ideal_cycle', 'shift'];

describe.each(testEngines())('master data on %s', (engine) => {
  test('a change of any of it alone rings plant_changed', async () => {
    const database = await createTestDatabase(engine);
    const closing = new AbortController();
    let bells = 0;
    const listening = database.listen('plant_changed', () => (bells += 1), closing.signal);
    // LISTEN rings once when it is up.
    await waitUntil('the listener is up', () => bells > 0);
    const silent: string[] = [];
    for (const table of tables) {
      const before = bells;
      await database.execute(`delete from ${table}`);
      await waitUntil(`${table} has rung`, () => bells > before).catch(() => silent.push(table));
    }
    closing.abort();
    await listening;
    expect(silent).toEqual([]);
  });
});
