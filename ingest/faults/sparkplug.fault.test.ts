import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { describe, expect, onTestFinished, test } from 'vitest';
import { pause } from '../../core/clock.ts';
import { stateTopic } from '../../core/sparkplug/topic.ts';
import { testEngines } from '../../core/testing/database.ts';
import { hasMosquitto, startMosquitto } from '../../core/testing/mosquitto.ts';
import { waitUntil } from '../../core/testing/wait-until.ts';
import { startBrokerProcess } from './testing/broker-process.ts';
import { openFaultStage, type FaultStage, type StageBroker } from './testing/fault-stage.ts';
import { readBooks } from './testing/stored.ts';
import { startStoringEdgeNode, type StoringEdgeNode } from './testing/storing-edge-node.ts';

/** Ingest as the primary host of an edge node that measures 40 signals every 10 ms. */
async function openSparkplugStage(
  engine: Parameters<typeof openFaultStage>[0],
  settings: Record<string, string> = {},
  startBroker: () => Promise<StageBroker> = startBrokerProcess,
  preload?: string,
): Promise<{ stage: FaultStage; node: StoringEdgeNode }> {
  const broker = await startBroker();
  const stage = await openFaultStage(engine, { broker, settings, ...(preload !== undefined && { preload }) });
  await stage.database.execute(
    "update signal_source set protocol = 'sparkplug', address = replace(address, 'millrace/berlin/', 'millrace-berlin/')",
  );
  await stage.start();
  const node = await startStoringEdgeNode(broker.url, [...stage.signals.values()].slice(0, 40));
  onTestFinished(() => node.close());
  await waitUntil('readings are stored', async () => (await readBooks(stage.database)).stored > 1000);
  return { stage, node };
}

async function startMosquittoBroker(): Promise<StageBroker> {
  const { url, port, stop } = await startMosquitto();
  return { url, port, close: () => stop() };
}

async function expectWhole(
  { stage, node }: Awaited<ReturnType<typeof openSparkplugStage>>,
  fault: string,
  runs: number,
) {
  await node.finish();
  await stage.expectNothingLostAndNothingTwice(`Sparkplug: ${fault}`, runs, 60_000, node);
  expect(await readBooks(stage.database)).toMatchObject({ lost_upstream: 0, rejected: 0 });
}

// What the edge node has measured is what must be stored: QoS 0 acknowledges nothing, and what is lost on the way the
// node's history brings.
describe.each(testEngines())('on %s, from a storing edge node:', (engine) => {
  // Over the broker of production where it is installed: the two differ in nothing that this is about.
  const broker = hasMosquitto ? 'mosquitto' : 'the embedded broker';
  test(`ingest killed with -9, four times under load, over ${broker}`, async () => {
    const opened = await openSparkplugStage(engine, {}, hasMosquitto ? startMosquittoBroker : startBrokerProcess);
    const { stage, node } = opened;
    for (let kills = 1; kills <= 4; kills++) {
      await pause(200 * kills);
      const { historical, hostDeaths } = node;
      await stage.ingest.stop('SIGKILL');
      await waitUntil('the edge node knows', () => node.hostDeaths > hostDeaths);
      await stage.start();
      await waitUntil('its history is sent', () => node.historical > historical, { limitMs: 20_000 });
    }
    await expectWhole(opened, `ingest killed with -9 under load, over ${broker}`, 4);
  });

  test('the database is cut off again and again, then refuses for three seconds', async () => {
    const opened = await openSparkplugStage(engine);
    const { stage, node } = opened;
    await stage.interruptDatabase();
    await expectWhole(opened, 'database connections cut, then refused for 3 s', 6);
    expect(node.hostDeaths).toBe(0);
    expect(stage.ingest.process.exitCode).toBeNull();
  });

  test('the disk is slow for ten seconds, but answers: no session ends', async () => {
    const preload = join(import.meta.dirname, 'testing/preload.ts');
    const opened = await openSparkplugStage(engine, {}, startBrokerProcess, preload);
    const { stage, node } = opened;
    stage.ingest.process.send({ syncDelayMs: 2500 });
    await pause(10_000);
    stage.ingest.process.send({ syncDelayMs: 0 });
    expect(stage.ingest.output()).toContain('"disk_is_silent":true');
    await expectWhole(opened, 'each fdatasync takes 2.5 s for 10 s', 1);
    expect(node.hostDeaths).toBe(0);
  });

  test('the journal is full while the database is away', async () => {
    const opened = await openSparkplugStage(engine, { JOURNAL_MAX_SIZE: '600KB' });
    const { stage, node } = opened;
    await stage.databaseProxy.refuse();
    await waitUntil('the edge node is told to store', () => node.hostDeaths > 0, { limitMs: 30_000 });
    expect(stage.ingest.output()).toContain('the journal can take nothing more');
    const { sent } = node;
    await pause(4000);
    expect(node.sent).toBeGreaterThan(sent + 5000);
    await stage.databaseProxy.heal();
    await expectWhole(opened, 'journal full while the database is away', 1);
    expect(node.historical).toBeGreaterThan(5000);
  });

  test('the journal is full and ingest killed with -9, and it starts while the database still takes nothing', async () => {
    const opened = await openSparkplugStage(engine, { JOURNAL_MAX_SIZE: '600KB' });
    const { stage, node } = opened;
    // Ingest starts only with a database that answers: this one answers, but has no space left.
    await stage.database.execute(
      `create function refuse() returns trigger language plpgsql as
         $$ begin raise exception 'no space left on device' using errcode = 'disk_full'; end $$`,
    );
    await stage.database.execute(
      'create trigger refuse before insert on reading_batch for each statement execute function refuse()',
    );
    await waitUntil('the edge node is told to store', () => node.hostDeaths > 0, { limitMs: 30_000 });
    await stage.ingest.stop('SIGKILL');
    const states: { online: boolean; timestamp: number }[] = [];
    const listener = await connectAsync(stage.broker.url);
    onTestFinished(() => listener.endAsync(true));
    listener.on('message', (_, payload) => states.push(JSON.parse(payload.toString()) as (typeof states)[0]));
    await listener.subscribeAsync(stateTopic('millrace'), { qos: 1 });
    const [before] = await waitUntil('the state of before is known', () => (states.length > 0 ? states : undefined));
    await stage.start();
    await waitUntil('the new session says something', () =>
      states.some(({ timestamp }) => timestamp !== before?.timestamp),
    );
    await pause(4000);
    expect(states.filter(({ online }) => online)).toEqual([]);
    await stage.database.execute('drop trigger refuse on reading_batch');
    await expectWhole(opened, 'journal full, ingest killed with -9 and started before the database takes anything', 1);
    // The burst may have filled so small a journal again.
    expect(states.some(({ online }) => online)).toBe(true);
  });
});
