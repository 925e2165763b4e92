import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { now } from '../core/clock.ts';
import { waitUntil } from '../core/testing/wait-until.ts';
import { administrator } from './testing/api-process.ts';
import { createStage, type Stage } from './testing/stage.ts';
import { writeAlarm, writeOrder } from './testing/write-plant.ts';

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

describe('signing in', () => {
  test('a wrong password is said, the right one leads where one wanted to go', async () => {
    const page = await open('/alarms');
    await page.context().clearCookies();
    await page.goto('/alarms');
    await page.getByLabel('E-mail address').fill(administrator.email);
    await page.getByLabel('Password').fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('E-mail address or password is wrong.').waitFor();
    await page.getByLabel('Password').fill(administrator.password);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Alarms' }).waitFor();
    expect(new URL(page.url()).pathname).toBe('/alarms');
  });

  test('a session that ends shows the login and not an old board', async () => {
    const page = await open('/');
    await page.locator('.chip-live').waitFor();
    await page.context().clearCookies();
    await page.locator('.menu a[href="/data"]').click();
    await expect(page.getByText('The session has ended.').waitFor()).resolves.toBeUndefined();
  });
});

describe('work orders', () => {
  async function activeEmployees(): Promise<number> {
    const [row] = await stage.database.query<{ count: number }>(
      'select count(*)::int as count from employee where organization_id = $1 and active',
      [stage.organization_id],
    );
    return row?.count ?? 0;
  }

  test('from proposed to scheduled with only the moves that are allowed', async () => {
    const id = await writeOrder(stage.database, 31, 'bearing', 2);
    const page = await open(`/work-orders/${id}`);
    await page.getByText('Vibration rose 62 % over its baseline').waitFor();
    expect(await page.getByRole('button', { name: 'Close', exact: true }).count()).toBe(0);
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.locator('.fact', { hasText: 'State' }).getByText('Approved').waitFor();
    await page.getByRole('button', { name: 'Cancel order' }).click();
    await page.getByRole('button', { name: 'Back' }).click();
    await page.getByRole('button', { name: 'Schedule' }).click();
    // Work can be given to everybody, not only to those who have some already.
    await expect.poll(() => page.getByLabel('Who').locator('option').count()).toBe((await activeEmployees()) + 1);
    await page.getByLabel('Who').selectOption({ index: 1 });
    await page.getByLabel(/^When/).fill('2030-01-02T07:30');
    await page.locator('form').getByRole('button', { name: 'Schedule' }).click();
    await page.locator('.history', { hasText: 'Approved → Scheduled' }).waitFor();
    await page.getByRole('button', { name: 'Start work' }).click();
    await page.locator('.history', { hasText: 'Scheduled → In progress' }).waitFor();
    await page.getByRole('button', { name: 'Put on hold' }).click();
    await page.getByLabel('What it waits for').selectOption('parts');
    await page.locator('form').getByRole('button', { name: 'Put on hold' }).click();
    await page.locator('.fact', { hasText: 'State' }).getByText('On hold').waitFor();
  });

  test('what is typed stays when somebody else moves the order, and the keyboard stays where it was', async () => {
    const id = await writeOrder(stage.database, 54, 'bearing', 2);
    const page = await open(`/work-orders/${id}`);
    const reject = page.getByRole('button', { name: 'Reject' });
    await reject.focus();
    await page.keyboard.press('Enter');
    await page.getByLabel('Why').waitFor();
    await page.keyboard.press('Escape');
    await expect.poll(() => reject.evaluate((button) => button === document.activeElement)).toBe(true);
    await page.keyboard.press('Enter');
    await page.getByLabel('Why').waitFor();
    await page.keyboard.type('Seen before');
    const other = await open(`/work-orders/${id}`);
    await other.getByRole('button', { name: 'Approve' }).click();
    await other.getByRole('button', { name: 'Schedule' }).waitFor();
    await page.getByText(/is now approved \(by /).waitFor();
    expect(await page.getByLabel('Why').inputValue()).toBe('Seen before');
    expect(await page.locator('form').getByRole('button', { name: 'Reject' }).isDisabled()).toBe(true);
  });

  test('an order whose cause still holds is not closed by one press, and a closed one is reopened', async () => {
    const id = await writeOrder(stage.database, 55, 'bearing', 2);
    await stage.database.execute(
      `update work_order set state = 'work_done', condition = 'active' where work_order_id = ${id}`,
    );
    const page = await open(`/work-orders/${id}`);
    await page.getByRole('button', { name: 'Close' }).click();
    await page.getByText('What raised this order still holds.').waitFor();
    await page.locator('form').getByRole('button', { name: 'Close' }).click();
    await expect(page.getByRole('button', { name: 'Reopen' }).waitFor()).resolves.toBeUndefined();
    expect(await page.title()).toMatch(/^WO-\d+ /);
  });

  test('a report for which an order is open shows that order instead of a refusal', async () => {
    const page = await open('/work-orders?new=32');
    const title = `Leaks oil ${now()}`;
    const report = async (): Promise<void> => {
      await page.getByLabel('What is wrong').fill(title);
      await page.getByRole('button', { name: 'Report', exact: true }).click();
    };
    await report();
    await page.waitForURL(/work-orders\/\d+$/);
    await page.goto('/work-orders?new=32');
    await report();
    await page.getByRole('link', { name: /^Open WO-/ }).click();
    await expect(page.getByRole('heading', { name: title }).waitFor()).resolves.toBeUndefined();
  });
});

describe('lists', () => {
  test('the filter by priority also holds for what is past', async () => {
    for (const [machine, priority] of [
      [50, 1],
      [51, 2],
      [52, 3],
    ] as const) {
      const id = await writeOrder(stage.database, machine, 'bearing', priority);
      await stage.database.execute(
        `update work_order set state = 'rejected', closed_at = now() where work_order_id = ${id}`,
      );
    }
    const page = await open('/work-orders?show=finished&machine=51');
    await page.locator('[data-order]').waitFor();
    await page.goto('/work-orders?show=finished&priority=2');
    const shown = page.locator('.order-table .priority');
    await shown.first().waitFor();
    expect(new Set(await shown.allTextContents())).toEqual(new Set(['P1', 'P2']));
    await page.getByLabel('Priority').selectOption('1');
    await expect.poll(async () => [...new Set(await shown.allTextContents())]).toEqual(['P1']);
  });

  test('a stop that began before the shift is as long as its tile says, and goes on', async () => {
    await stage.database.execute(
      `update machine_state set state = 'down', started_at = now() - interval '30 hours' where machine_id = 13 and ended_at is null`,
    );
    const [machine] = await stage.database.query<{ line_id: number }>(
      'select line_id from machine where machine_id = 13',
    );
    const page = await open(`/lines/${machine?.line_id}`);
    const stop = page.locator('.stops tr', { has: page.locator('a[href="/machines/13"]') });
    await stop.getByText('1 d 6 h so far').waitFor();
    await expect(stop.getByText('before this time').waitFor()).resolves.toBeUndefined();
    await page.locator('.line-tiles a[href="/machines/13"]', { hasText: 'Down 1 d 6 h' }).waitFor();
  });

  test('hours of a shift that are not computed yet are not called unplanned', async () => {
    const page = await open('/');
    await page.route('**/api/v1/oee?*', (route) => route.fulfill({ json: { items: [], next: null } }));
    await page.goto('/lines/2');
    await page.getByText('Not computed yet.').waitFor();
    await page.unroute('**/api/v1/oee?*');
    await expect(page.locator('table.figures tbody tr').first().waitFor({ timeout: 20_000 })).resolves.toBeUndefined();
  });
});

describe('every page', () => {
  const paths = ['/', '/lines/1', '/machines/1', '/alarms', '/work-orders', '/work-orders?show=list', '/data'];

  test.each(['light', 'dark'] as const)('fits a phone in %s, without scrolling sideways', async (colorScheme) => {
    await writeAlarm(
      stage.database,
      await firstSensor(33 + (colorScheme === 'dark' ? 1 : 0)),
      'temperature is above its high limit',
    );
    const page = await open('/', {
      viewport: { width: 390, height: 844 },
      isMobile: true,
      hasTouch: true,
      colorScheme,
    });
    for (const path of paths) {
      await page.goto(path);
      await page.locator('.chip-live').waitFor();
      await page.locator('main :is(h1, h2)').first().waitFor({ state: 'attached' });
      await waitUntil('the page has loaded', async () => (await page.locator('.waiting').count()) === 0);
      const beyond = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect({ path, beyond }).toEqual({ path, beyond: 0 });
    }
  });

  test('a word longer than a phone is wide does not widen the page', async () => {
    const id = await writeOrder(stage.database, 53, 'bearing', 3);
    await stage.database.execute(
      `update work_order set title = repeat('x', 120), description = repeat('y', 300) where work_order_id = ${id};
       insert into work_order_event (organization_id, work_order_id, kind, note)
       select organization_id, work_order_id, 'state', repeat('z', 300) from work_order where work_order_id = ${id}`,
    );
    const page = await open(`/work-orders/${id}`, { viewport: { width: 390, height: 844 }, isMobile: true });
    await page.locator('.history-note').waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    await page.goto('/work-orders?show=list');
    await page.locator(`[data-order="${id}"]`).waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  });

  test('German numbers and the zone of the plant, not of the viewer', async () => {
    const page = await open('/', { locale: 'de-DE', timezoneId: 'America/Los_Angeles' });
    await page.locator('.row-plant .meter-oee .meter-number', { hasText: '79,4' }).waitFor();
    const berlin = new Intl.DateTimeFormat('de-DE', { hour: '2-digit', timeZone: 'Europe/Berlin' })
      .format(now())
      .slice(0, 2);
    await expect(
      page.locator('section[aria-label="Berlin"] .site-clock', { hasText: new RegExp(`^${berlin}:`) }).waitFor(),
    ).resolves.toBeUndefined();
  });

  test('at 1440 px every tile says its state and since when, and a long site name gives way to the figures', async () => {
    const { database } = stage;
    const [site] = await database.query<{ site_id: number; title: string; time_zone: string }>(
      'select site_id, title, time_zone from site order by site_id desc limit 1',
    );
    const machines = await database.query<{ machine_id: number }>(
      'select machine_id from machine join line using (line_id) where site_id = $1 order by machine_id limit 6',
      [site?.site_id],
    );
    const states = ['no_data', 'planned_stop', 'starved', 'held', 'setup', 'idle'];
    for (const [index, { machine_id }] of machines.entries()) {
      await database.execute(
        `update machine_state set state = '${states[index]}', packml_state = null, started_at = now() - interval '44 minutes'
          where machine_id = ${machine_id} and ended_at is null`,
      );
    }
    await database.execute(
      `update site set title = 'Chatham Werft am Hafen', time_zone = 'Pacific/Chatham' where site_id = ${site?.site_id}`,
    );
    onTestFinished(async () => {
      await database.execute(
        `update site set title = '${site?.title}', time_zone = '${site?.time_zone}' where site_id = ${site?.site_id};
         update machine_state set state = 'running', packml_state = 6 where ended_at is null`,
      );
    });
    const page = await open('/');
    await page.locator('.tile-line', { hasText: /^No data 4\dm$/ }).waitFor();
    const cut = await page.evaluate(() =>
      [...document.querySelectorAll('.tile-line, .site-clock')]
        .filter((element) => element.scrollWidth > element.clientWidth && element.clientWidth > 0)
        .map((element) => `${element.textContent} ${element.scrollWidth} ${element.clientWidth}`),
    );
    expect(cut).toEqual([]);
    const row = page.locator('section[aria-label="Chatham Werft am Hafen"] .row-site');
    const [clock, figure] = [
      await row.locator('.site-clock').boundingBox(),
      await row.locator('.meter-oee').boundingBox(),
    ];
    expect((clock?.x ?? 0) + (clock?.width ?? 0)).toBeLessThanOrEqual(figure?.x ?? 0);
  });

  test('an address that is no page, a machine that does not exist', async () => {
    const page = await open('/no/such/page');
    await expect(page.getByText('There is no such page').waitFor()).resolves.toBeUndefined();
    await page.goto('/machines/999999');
    await page.getByRole('heading', { name: 'There is no such machine' }).waitFor();
    await page.getByRole('link', { name: 'Back to the plant' }).click();
    await page.locator('.tile').first().waitFor();
  });

  test('the theme is kept over a reload', async () => {
    const page = await open('/', { colorScheme: 'light' });
    await page.getByRole('button', { name: 'Dark colours' }).click();
    await page.reload();
    await page.getByRole('button', { name: 'Light colours' }).waitFor();
    expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe('rgb(20, 24, 28)');
  });
});
