import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { now } from '../core/clock.ts';
import { waitUntil } from '../core/testing/wait-until.ts';
import { createStage, type Stage } from './testing/stage.ts';
import { writeAlarm, writeOrder, writeState } from './testing/write-plant.ts';
import { startSource } from './testing/write-values.ts';

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

async function isLive(page: Page): Promise<void> {
  await page.locator('.chip-live').waitFor();
}

async function sensorsOf(machineId: number): Promise<{ signal_id: number; name: string }[]> {
  return stage.database.query(
    `select signal_id, name from signal where machine_id = $1 and kind = 'measurement' order by position, signal_id`,
    [machineId],
  );
}

describe('the overview', () => {
  test('shows the whole plant, and a machine that stops, without a reload', async () => {
    const page = await open('/');
    await isLive(page);
    await page.locator('.tile').nth(235).waitFor();
    expect(await page.locator('.tile').count()).toBe(236);
    expect(await page.locator('.row-line').count()).toBe(21);
    await page.locator('.row-plant .meter-oee .meter-number', { hasText: '79.4' }).waitFor();
    await page.locator('.tone-running').nth(235).waitFor();
    await page.evaluate(() => Object.assign(window, { stillTheSame: true }));

    await writeState(stage.database, 5, 'down', 17);
    const tile = page.locator('a[href="/machines/5"]');
    await page.locator('a[href="/machines/5"].tone-down').waitFor({ timeout: 5000 });
    expect(await tile.textContent()).toContain('Down');
    expect(await tile.getAttribute('aria-label')).toContain('Down');
    expect(await page.evaluate(() => 'stillTheSame' in window)).toBe(true);
  });

  test('shows a work order within ten seconds of its being raised, and on the board', async () => {
    const [overview, board] = [await open('/'), await open('/work-orders')];
    await Promise.all([isLive(overview), isLive(board)]);
    await overview.getByText('No open work order of priority 1 or 2').waitFor();
    const id = await writeOrder(stage.database, 30, 'bearing', 1);
    await overview.locator(`.urgent-item[href="/work-orders/${id}"]`).waitFor({ timeout: 10_000 });
    await board.locator(`[data-order="${id}"]`).waitFor({ timeout: 10_000 });
    await expect(
      overview.locator('.menu a[href="/work-orders"] .menu-count', { hasText: '1' }).waitFor(),
    ).resolves.toBeUndefined();
  });

  test('lists every alarm of a flood, also those that the stream leaves out', async () => {
    const page = await open('/alarms');
    await isLive(page);
    await page.getByText('No open alarms').waitFor();
    await stage.database.execute(
      `insert into alarm (organization_id, machine_id, kind, priority, state, raised_at, message)
       select organization_id, machine_id, 'stale', 3, 'unacknowledged', now(), 'nothing heard' from machine`,
    );
    await page.locator('.alarm-group h2', { hasText: '236' }).waitFor();
    expect(await page.locator('.alarm-group h2').count()).toBe(1);
    await stage.database.execute("delete from alarm where kind = 'stale'");
  });

  test('shows no machine as running when nothing is made of its readings any more', async () => {
    const taken = (age: string) =>
      stage.database.execute(
        `insert into analytics_cursor (follower, gateway_id, sequence, stored_at) values ('live', 1, 1, now() - $1::interval)
         on conflict (follower, gateway_id) do update set stored_at = excluded.stored_at`,
        [age],
      );
    try {
      await taken('1 second');
      const page = await open('/');
      await isLive(page);
      const tile = (tone: string) => page.locator(`a[href="/machines/120"].tone-${tone}`);
      await tile('running').waitFor();
      await taken('10 minutes');
      await tile('none').waitFor({ timeout: 20_000 });
      expect(await page.locator('.tile.tone-running').count()).toBe(0);
      expect(await tile('none').getAttribute('aria-label')).toContain('No data');
      await page.getByText(/Analytics has taken no reading for 10:/).waitFor();
      const opened = await open('/machines/120');
      await opened.locator('.state-badge.tone-none').waitFor();
      await taken('1 second');
      await tile('running').waitFor({ timeout: 20_000 });
    } finally {
      await stage.database.execute('delete from analytics_cursor');
    }
  });

  test('does not shift anything while it is updated', async () => {
    const page = await open('/');
    await isLive(page);
    await page.locator('.tile').nth(235).waitFor();
    await page.locator('.row-plant .meter-oee .meter-number', { hasText: '79.4' }).waitFor();
    const position = (): Promise<string> =>
      page.evaluate(() =>
        JSON.stringify(
          [...document.querySelectorAll('.tile')].map((tile) =>
            Object.values(tile.getBoundingClientRect().toJSON() as object),
          ),
        ),
      );
    const before = await position();
    await writeState(stage.database, 100, 'starved');
    await page.locator('a[href="/machines/100"].tone-minor').waitFor();
    expect(await position()).toBe(before);
  });
});

describe('the machine page', () => {
  test('values and trends move, grow late, then stale with a dash and the old value', async () => {
    const [sensor] = await sensorsOf(40);
    const id = sensor?.signal_id ?? 0;
    const source = startSource(stage.database, [id]);
    const page = await open('/machines/40');
    const card = page.locator(`section[aria-label="${sensor?.name}"]`);
    const rows = page.locator(`[data-signal="${id}"]`);
    try {
      await card.and(page.locator('[data-state="live"]')).waitFor();
      const first = await card.locator('.sensor-value b').textContent();
      await waitUntil('the value changes', async () => (await card.locator('.sensor-value b').textContent()) !== first);
      await rows.locator('canvas').waitFor();
      const drawn = Number(await rows.getAttribute('data-rows'));
      await waitUntil('the trend is drawn again', async () => Number(await rows.getAttribute('data-rows')) > drawn);
      source.setQuality(0);
      await card.and(page.locator('[data-state="bad"]')).waitFor();
      expect(await card.locator('.sensor-value b').textContent()).toBe('—');
      source.setQuality(192);
      await card.and(page.locator('[data-state="live"]')).waitFor();
    } finally {
      await source.stop();
    }
    await card.and(page.locator('[data-state="late"]')).waitFor({ timeout: 15_000 });
    await card.and(page.locator('[data-state="stale"]')).waitFor({ timeout: 45_000 });
    expect(await card.locator('.sensor-value b').textContent()).toBe('—');
    expect(await card.locator('.sensor-note').textContent()).toMatch(/^last \d.* at \d\d:\d\d/);
    const cut = await card.locator('.sensor-note').evaluate((note) => note.scrollWidth - note.clientWidth);
    expect(cut).toBeLessThanOrEqual(0);
  });

  test('an alarm is acknowledged with a note, by keyboard', async () => {
    const [, sensor] = await sensorsOf(41);
    const alarm = await writeAlarm(stage.database, sensor?.signal_id ?? 0, 'vibration is above its high limit');
    const page = await open('/machines/41');
    const row = page.locator(`[data-alarm="${alarm}"]`);
    await row.getByRole('button', { name: 'Acknowledge' }).focus();
    await page.keyboard.press('Enter');
    await page.getByLabel('Note').waitFor();
    await page.keyboard.type('Saw it, coupling is loose');
    await page.keyboard.press('Enter');
    await row.getByText('Saw it, coupling is loose').waitFor();
    const [stored] = await stage.database.query('select state, note from alarm where alarm_id = $1', [alarm]);
    expect(stored).toEqual({ state: 'acknowledged', note: 'Saw it, coupling is loose' });
  });
});

describe('the connection', () => {
  test('a dead server is said at once, and healed with what happened meanwhile', async () => {
    const page = await open('/');
    await isLive(page);
    await page.locator('a[href="/machines/60"].tone-running').waitFor();
    await stage.killApi();
    await page.getByText(/Live updates stopped .* ago – retrying/).waitFor({ timeout: 5000 });
    expect(await page.locator('.app-frozen').count()).toBe(1);
    await writeState(stage.database, 60, 'held');
    await stage.startApi();
    await isLive(page);
    await page.locator('a[href="/machines/60"].tone-minor').waitFor();
    expect(await page.locator('.app-frozen').count()).toBe(0);
  }, 60_000);

  test('after a lost connection a trend asks up to the present, and not to where its clock stood still', async () => {
    const [sensor] = await sensorsOf(61);
    const id = sensor?.signal_id ?? 0;
    const source = startSource(stage.database, [id]);
    try {
      const page = await open('/machines/61');
      await page.locator(`[data-signal="${id}"] canvas`).waitFor();
      await stage.killApi();
      await page.locator('.chip-lost').waitFor();
      const lost = now();
      await waitUntil('some seconds have passed', () => now() - lost > 8000);
      const started = now();
      // The page may ask before the server's start is told here.
      const asking = page.waitForRequest((request) => request.url().includes(`/signals/${id}/series`));
      await stage.startApi();
      const asked = await asking;
      expect(Date.parse(new URL(asked.url()).searchParams.get('to') ?? '')).toBeGreaterThan(started - 1000);
    } finally {
      await source.stop();
    }
  }, 60_000);

  test('nine tabs of one browser share one stream, and survive the one that holds it', async () => {
    const context = await stage.context();
    try {
      const tabs: Page[] = [];
      for (let count = 0; count < 9; count++) {
        const tab = await context.newPage();
        await tab.goto('/');
        await isLive(tab);
        tabs.push(tab);
      }
      const streams = async (): Promise<string | undefined> =>
        /millrace_stream_clients(?:\{[^}]*\})? (\d+)/.exec(await (await context.request.get('/metrics')).text())?.[1];
      await waitUntil('one stream is left open', async () => (await streams()) === '1');
      // The first tab leads. Closing it must not leave the others frozen.
      await tabs[0]?.close();
      await writeState(stage.database, 70, 'setup');
      for (const tab of tabs.slice(1))
        await tab.locator('a[href="/machines/70"].tone-setup').waitFor({ timeout: 20_000 });
      expect(await waitUntil('one stream is open again', async () => (await streams()) === '1')).toBe(true);
    } finally {
      await context.close();
    }
  }, 90_000);

  test('a paused page stands still and resumes complete', async () => {
    const page = await open('/');
    await isLive(page);
    await page.locator('a[href="/machines/80"].tone-running').waitFor();
    await page.getByRole('button', { name: 'Live' }).click();
    await page.locator('.chip-paused').waitFor();
    const other = await open('/');
    await writeState(stage.database, 80, 'idle');
    await other.locator('a[href="/machines/80"].tone-minor').waitFor();
    expect(await page.locator('a[href="/machines/80"].tone-running').count()).toBe(1);
    await page.locator('.chip-paused').click();
    await page.locator('a[href="/machines/80"].tone-minor').waitFor();
  });
});
