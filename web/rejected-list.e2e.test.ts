import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitUntil } from '../core/testing/wait-until.ts';
import { createStage, type Stage } from './testing/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
  await stage.database.execute(
    `with s as (insert into source (organization_id, protocol, name) values ($1, 'mqtt', 'millrace/berlin/line-01') returning source_id)
     insert into rejected_reading (organization_id, source_id, received_at, readings, address, reason, detail, payload)
     select $1, source_id, now(), n, address, reason, detail, convert_to('{"value":"warm"}', 'UTF8')
       from s, (values (1, 'millrace/berlin/line-01/m-001/temperature', 'not_a_number', 'The value is "warm".'),
                       (7, 'millrace/berlin/line-01/m-002/pressure', 'not_a_number', '7 readings were wrong.')) r(n, address, reason, detail)`,
    [stage.organization_id],
  );
}, 120_000);
afterAll(() => stage.close());

test('a rejected reading can be tried again from the page, or the page says why not', async () => {
  const page = await stage.open('/data');
  const rows = page.locator('[data-rejected]');
  await rows.first().waitFor();
  const lost = rows.filter({ hasText: 'm-002' });
  expect(await lost.getByRole('button').count()).toBe(0);
  await lost.getByText('It stands for several readings').waitFor();

  const row = rows.filter({ hasText: 'm-001' });
  expect(await row.textContent()).toContain('{"value":"warm"}');
  await row.getByRole('button', { name: 'Try again' }).click();
  await row.getByText('Asked for').waitFor();
  await waitUntil('ingest is asked', async () => {
    const asked = await stage.database.query<{ address: string }>(
      'select address from rejected_reading where replay_requested_at is not null',
    );
    return asked.length === 1 && asked[0]?.address.includes('m-001');
  });
  expect(stage.troubles).toEqual([]);
});
