import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { now } from '../core/clock.ts';
import { storeReadings } from '../core/testing/store-readings.ts';
import { waitUntil } from '../core/testing/wait-until.ts';
import { createStage, type Stage } from './testing/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
}, 120_000);
afterAll(() => stage.close());

const pages: Page[] = [];
afterEach(async () => {
  await Promise.all(pages.splice(0).map((page) => page.context().close()));
  const troubles = stage.troubles.splice(0);
  if (troubles.length > 0) throw new Error(`The page had troubles: ${troubles.join('; ')}`);
});

async function open(path: string, options?: Parameters<Stage['open']>[1]): Promise<Page> {
  const page = await stage.open(path, options);
  pages.push(page);
  return page;
}

async function firstSensor(machineId: number): Promise<number> {
  const [row] = await stage.database.query<{ signal_id: number }>(
    `select signal_id from signal where machine_id = $1 and kind = 'measurement' order by position, signal_id limit 1`,
    [machineId],
  );
  return row?.signal_id ?? 0;
}

describe('trends', () => {
  test('a drag asks once for the narrower range, and Back returns', async () => {
    const id = await firstSensor(20);
    const end = now();
    const readings = Array.from({ length: 900 }, (_, at) => ({
      signal_id: id,
      time_us: (end - at * 1000) * 1000,
      value: 20 + Math.sin(at / 30),
    }));
    await storeReadings(stage.database, readings);
    const page = await open('/machines/20?range=15m');
    const plot = page.locator(`[data-signal="${id}"] .u-over`);
    await plot.waitFor();
    const asked: URL[] = [];
    page.on('request', (request) => {
      if (request.url().includes(`/signals/${id}/series`)) asked.push(new URL(request.url()));
    });
    const box = await plot.boundingBox();
    if (box === null) throw new Error('The plot has no size.');
    await page.mouse.move(box.x + box.width * 0.4, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.6, box.y + 40, { steps: 5 });
    await page.mouse.up();
    await page.waitForURL(/from=\d+&to=\d+/);
    await page.getByRole('button', { name: 'Back to live' }).waitFor();
    await waitUntil('the range was asked for', () => asked.length === 1);
    const [from, to] = ['from', 'to'].map((name) => Date.parse(asked[0]?.searchParams.get(name) ?? ''));
    const seconds = ((to ?? 0) - (from ?? 0)) / 1000;
    expect(seconds).toBeGreaterThan(120);
    expect(seconds).toBeLessThan(240);
    await page.goBack();
    await page.locator('.segments [aria-current]', { hasText: '15 min' }).waitFor();
    await waitUntil('the whole range was asked for again', () => asked.length === 2);
  });

  test('a range without readings is empty and says when the last one came', async () => {
    const id = await firstSensor(21);
    await storeReadings(stage.database, [{ signal_id: id, time_us: (now() - 7_200_000) * 1000, value: 71.25 }]);
    const page = await open(`/machines/21?from=${now() - 3_600_000}&to=${now() - 1_800_000}`);
    await expect(
      page.getByText(/No reading in this range. The last one before it came at/).waitFor(),
    ).resolves.toBeUndefined();
  });

  test('a language that Intl refuses does not stop the chart from loading', async () => {
    const id = await firstSensor(22);
    await storeReadings(
      stage.database,
      [1, 2, 3].map((at) => ({ signal_id: id, time_us: (now() - at * 1000) * 1000, value: at })),
    );
    const context = await stage.context();
    const page = await context.newPage();
    pages.push(page);
    await page.addInitScript(() => {
      Object.defineProperty(navigator, 'language', { value: 'en-US@posix', configurable: true });
    });
    await page.goto('/machines/22');
    await expect(page.locator(`[data-signal="${id}"] canvas`).waitFor()).resolves.toBeUndefined();
  });

  test('arrow keys read a trend value by value', async () => {
    const id = await firstSensor(23);
    await storeReadings(
      stage.database,
      [1, 2, 3].map((at) => ({ signal_id: id, time_us: (now() - at * 1000) * 1000, value: at * 10 })),
    );
    const page = await open('/machines/23');
    const plot = page.locator(`[data-signal="${id}"]`);
    await plot.locator('canvas').waitFor();
    await plot.focus();
    await page.keyboard.press('Home');
    await page.locator('.trend-readout', { hasText: /30[.,]00/ }).waitFor();
    await page.keyboard.press('ArrowRight');
    await expect(page.locator('.trend-readout', { hasText: /20[.,]00/ }).waitFor()).resolves.toBeUndefined();
  });

  test('a picture held by the keyboard says so, and moves again after Escape and after Tab', async () => {
    const id = await firstSensor(24);
    await storeReadings(
      stage.database,
      [1, 2, 3].map((at) => ({ signal_id: id, time_us: (now() - at * 1000) * 1000, value: at * 10 })),
    );
    const page = await open('/machines/24');
    const plot = page.locator(`[data-signal="${id}"]`);
    const readout = page.locator('.trend', { has: plot }).locator('.trend-readout');
    const drawn = async (): Promise<number> => Number(await plot.getAttribute('data-rows'));
    await plot.locator('canvas').waitFor();
    for (const key of ['Escape', 'Tab']) {
      await plot.focus();
      await page.keyboard.press('ArrowLeft');
      await readout.getByText(/held at \d\d:\d\d/).waitFor();
      await page.keyboard.press(key);
      const before = await drawn();
      // The first drawing is the release itself; it moves when it goes on.
      await waitUntil(`the trend moves after ${key}`, async () => (await drawn()) > before + 2);
      expect(await readout.textContent()).toBe('');
    }
  });

  test('a picture stays under an error, and is drawn on when the server answers again', async () => {
    const id = await firstSensor(25);
    await storeReadings(
      stage.database,
      [1, 2, 3].map((at) => ({ signal_id: id, time_us: (now() - at * 1000) * 1000, value: at * 10 })),
    );
    const page = await open('/machines/25');
    const plot = page.locator(`[data-signal="${id}"]`);
    await plot.locator('canvas').waitFor();
    await page.route(`**/signals/${id}/series?*`, (route) => route.fulfill({ status: 503, body: '{}' }));
    await page.getByRole('button', { name: 'Live' }).click();
    await page.locator('.chip-paused').click();
    const trend = page.locator('.trend', { has: plot });
    await trend.getByRole('button', { name: 'Try again' }).waitFor();
    expect(await plot.locator('canvas').count()).toBe(1);
    await page.unroute(`**/signals/${id}/series?*`);
    await trend.getByRole('button', { name: 'Try again' }).click();
    await trend.getByRole('button', { name: 'Try again' }).waitFor({ state: 'detached' });
    const drawn = Number(await plot.getAttribute('data-rows'));
    await waitUntil('it is drawn again', async () => Number(await plot.getAttribute('data-rows')) > drawn);
    expect(await plot.locator('canvas').isVisible()).toBe(true);
  });
});
