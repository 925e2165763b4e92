import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { now } from '../core/clock.ts';
import type { Database } from '../core/database.ts';
import { freePort } from '../core/embedded/postgres.ts';
import { importPlant } from '../core/plant/import-plant.ts';
import type { Plant } from '../core/plant/plant-document.ts';
import { writePlantFile } from '../core/plant/plant-file.ts';
import { referencePlant } from '../core/plant/reference-plant.ts';
import { environmentWith } from '../core/settings.ts';
import { createTestDatabase, testEngines, type TestDatabase } from '../core/testing/database.ts';
import { hasMosquitto, startMosquitto } from '../core/testing/mosquitto.ts';
import { hasRedis, startRedis } from '../core/testing/redis.ts';
import { startRoom } from '../core/testing/room.ts';
import { waitUntil } from '../core/testing/wait-until.ts';
import { openPage } from './testing/stage.ts';

type Engine = TestDatabase['engine'];

const path = 'berlin/line-01/m-003';
/** From the first trace to the breakdown, instead of two hours. Only the fault is sped up: alarms have the wall's time. */
const hours = '0.0125';

/**
 * The first line of the reference plant, so that the hour of the test does not matter: it works round the clock, and has
 * one product. With several it is set up for the next one every few hours, and no machine runs for up to 14 minutes.
 */
function smallPlant(): Plant {
  const whole = referencePlant(1781);
  const lines = whole.sites[0]?.lines.slice(0, 1) ?? [];
  const oneProduct = lines.map((line) => ({ ...line, ideal_cycles: line.ideal_cycles.slice(0, 1) }));
  const sites = whole.sites.slice(0, 1).map((site) => ({ ...site, shifts: [], lines: oneProduct }));
  return { ...whole, employees: [], sites };
}

/** Broker and queue beside the database: ours, or those of production. The rooms know nothing of them but the URLs. */
async function startServices(engine: Engine, dataDir: string): Promise<{ MQTT_URL: string; REDIS_URL: string }> {
  if (engine === 'postgres') {
    const MQTT_URL = `mqtt://127.0.0.1:${await freePort()}`;
    const broker = await startRoom('core/embedded/broker-main.ts', { MQTT_URL, DATA_DIR: dataDir });
    onTestFinished(() => broker.kill());
    return { MQTT_URL, REDIS_URL: '' };
  }
  const broker = await startMosquitto();
  onTestFinished(() => broker.stop());
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  return { MQTT_URL: broker.url, REDIS_URL: redis.url };
}

/** A plant that speaks, and everything that listens to it. Answers `simulate`, the command beside the running plant. */
async function startPlant(database: TestDatabase): Promise<(...parameters: string[]) => Promise<unknown>> {
  const dataDir = mkdtempSync(join(tmpdir(), 'millrace-fault-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
  const plantFile = join(dataDir, 'plant.yaml');
  writePlantFile(plantFile, smallPlant());
  await importPlant(database, smallPlant());
  const services = await startServices(database.engine, dataDir);
  const settings = { DATABASE_URL: database.url, DATA_DIR: dataDir, ...services };
  const withPlant = ['--only', 'mqtt', '--plant', plantFile];
  for (const main of ['ingest/main.ts', 'analytics/main.ts', 'simulators/main.ts']) {
    const room = await startRoom(main, settings, main.startsWith('simulators') ? withPlant : []);
    onTestFinished(() => room.kill());
  }
  const program = join(import.meta.dirname, '../simulators/main.ts');
  const env = environmentWith(settings) as NodeJS.ProcessEnv;
  return (...parameters) => promisify(execFile)(process.execPath, [program, ...parameters, ...withPlant], { env });
}

function readOrders(database: Database) {
  return database.query(
    `select concat_ws('/', s.name, l.name, m.name) as machine, failure_mode, state, condition,
            jsonb_array_length(evidence->'alarms') > 0 as alarms, jsonb_array_length(evidence->'trend') > 0 as trend
       from work_order join machine m using (machine_id) join line l using (line_id) join site s using (site_id)`,
  );
}

async function isRunning(database: Database): Promise<boolean> {
  const [machine] = await database.query<{ state: string }>(
    `select state from machine_state join machine using (machine_id) where name = 'm-003' and ended_at is null`,
  );
  return machine?.state === 'running';
}

/** The machine has stopped itself, and every alarm belongs to a diagnosed fault. */
async function isBrokenDown(database: Database): Promise<boolean> {
  const [row] = await database.query<{ codes: number; unexplained: number }>(
    `select count(*) filter (where kind = 'fault_code') as codes,
            count(*) filter (where not exists (select from fault f where a.alarm_id = any(f.alarm_ids))) as unexplained
       from alarm a`,
  );
  return row !== undefined && row.codes > 0 && row.unexplained === 0;
}

describe.each(testEngines())('a bearing that fails in a simulated machine, on %s', (engine) => {
  const missing = engine === 'timescale' && !(hasRedis() && hasMosquitto);
  const why = missing ? ' (skipped: redis-server or mosquitto is not installed)' : '';

  test.skipIf(missing)(`is one work order, on the page within ten seconds of its alarm${why}`, async () => {
    const database = await createTestDatabase(engine);
    const simulate = await startPlant(database);
    const stage = await openPage(database);
    onTestFinished(() => stage.close());
    const page = await stage.open('/work-orders');
    await page.locator('.chip-live').waitFor();
    await waitUntil('the machine is seen running', () => isRunning(database), { limitMs: 60_000 });
    expect(await readOrders(database)).toEqual([]);

    await simulate('inject', '--machine', path, '--fault', 'bearing', '--hours', hours);
    const card = page.locator('[data-order]');
    await card.waitFor({ timeout: 90_000 });
    const shownMs = now();
    const [alarm] = await database.query<{ raised_ms: number }>(
      'select (extract(epoch from min(raised_at)) * 1000)::float8 as raised_ms from alarm',
    );
    // Five of the ten seconds are the on-delay of the limit: an alarm is raised when its condition began.
    expect(shownMs - (alarm?.raised_ms ?? 0)).toBeLessThan(10_000);

    const order = { machine: path, failure_mode: 'bearing', state: 'proposed', alarms: true, trend: true };
    expect(await readOrders(database)).toEqual([{ ...order, condition: 'active' }]);
    await waitUntil('the breakdown is known', () => isBrokenDown(database), { limitMs: 90_000 });
    expect(await readOrders(database)).toEqual([expect.objectContaining(order)]);
    expect(await card.count()).toBe(1);

    await card.click();
    const title = smallPlant().sites[0]?.lines[0]?.machines.find(({ name }) => name === 'm-003')?.title ?? '';
    await page.getByText('this looks like bearing damage').waitFor();
    await page.locator('.order-side', { hasText: title }).filter({ hasText: 'Bearing' }).waitFor();
    await page.locator('.evidence-plot').first().waitFor();
    expect(stage.troubles).toEqual([]);
  });
});
