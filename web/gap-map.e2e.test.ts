import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStage, type Stage } from './testing/stage.ts';

let stage: Stage;
let gapped: { signal_id: number; machine_id: number };

/** Every fault code came each minute of the last day, but one did not for three hours, and half the time for one. */
beforeAll(async () => {
  stage = await createStage();
  const { database } = stage;
  const [signal] = await database.query<{ signal_id: number; machine_id: number }>(
    `select signal_id, machine_id from signal where kind = 'fault' and machine_id = 40`,
  );
  gapped = signal ?? { signal_id: 0, machine_id: 0 };
  await database.execute(
    `insert into reading_1h (bucket, signal_id, sum, count, min, max, first, last, good_count, bad_count)
     select hour, signal_id, 0, n, 0, 0, 0, 0, n, 0
       from signal, generate_series(date_trunc('hour', now(), 'UTC') - interval '25 hours', now(), interval '1 hour') with ordinality t(hour, at),
            lateral (select case when signal_id <> $1 then 60 when at between 10 and 12 then 0 when at = 20 then 30 else 60 end as n) c
      where kind = 'fault' and n > 0`,
    [gapped.signal_id],
  );
}, 120_000);
afterAll(() => stage.close());

test('data health shows when which signal gave too little, and leads to its machine', async () => {
  const page = await stage.open('/data');
  await page.getByRole('heading', { name: 'Missing readings, last 24 hours' }).waitFor();
  // No sensor of this plant has ever sent anything: the worst come first, and the page says that there are more.
  await page.locator('[data-gaps]').first().waitFor();
  expect(await page.locator('[data-gaps]').count()).toBe(15);
  await page.getByText('The 15 with the most missing are shown').waitFor();

  await page.getByLabel('Signals').selectOption('fault');
  const row = page.locator(`[data-gaps="${gapped.signal_id}"]`);
  await row.waitFor();
  expect(await page.locator('[data-gaps]').count()).toBe(1);
  expect(await row.locator('td').nth(2).textContent()).toBe('210');
  const marks = row.locator('.gap-line i');
  expect(await marks.count()).toBe(2);
  expect(await marks.last().getAttribute('title')).toMatch(/: 0 of 180 came$/);
  // They began 16 hours before the hour that ran when they were written, on an axis of 24 hours; the next may have begun.
  const [line, mark] = [await row.locator('.gap-line').boundingBox(), await marks.last().boundingBox()];
  const hours = (((mark?.x ?? 0) - (line?.x ?? 0)) / (line?.width ?? 1)) * 24;
  expect(hours).toBeGreaterThan(6.5);
  expect(hours).toBeLessThan(8.5);

  await row.getByRole('link').click();
  await page.waitForURL(`**/machines/${gapped.machine_id}`);
  expect(stage.troubles).toEqual([]);
});
