import { describe, expect, onTestFinished, test } from 'vitest';
import { pause } from '../../core/clock.ts';
import { testEngines } from '../../core/testing/database.ts';
import { waitUntil } from '../../core/testing/wait-until.ts';
import { openFaultStage, type FaultStage } from './testing/fault-stage.ts';
import { startOpcuaProcess, type OpcuaProcess } from './testing/opcua-process.ts';
import { readBooks } from './testing/stored.ts';

interface OpcuaStage {
  stage: FaultStage;
  server: OpcuaProcess;
}

/** Ingest as the client of a server that writes 40 variables every 50 ms. */
async function openOpcuaStage(
  engine: Parameters<typeof openFaultStage>[0],
  more: Record<string, string> = {},
): Promise<OpcuaStage> {
  const stage = await openFaultStage(engine);
  const server = await startOpcuaProcess([...stage.signals.values()].slice(0, 40), 50);
  onTestFinished(() => server.close());
  Object.assign(stage.settings, { OPCUA_URLS: server.url, OPCUA_PUBLISHING_MS: '100', ...more });
  await stage.database.execute('update signal set expected_interval_seconds = 0.05');
  await stage.database.execute(
    `update signal_source set protocol = 'opcua', address = 'nsu=urn:millrace:test-plant;s=' || name
       from signal where signal.signal_id = signal_source.signal_id and kind = 'measurement'`,
  );
  await stage.start();
  await storesAll({ stage, server });
  server.begin();
  return { stage, server };
}

/** Waits until all that was written until now is stored. */
async function storesAll({ stage, server }: OpcuaStage): Promise<void> {
  const { sent } = server;
  await waitUntil(
    'what was written is stored',
    async () => {
      const { stored, marks } = await readBooks(stage.database);
      return stored - marks >= sent;
    },
    { limitMs: 30_000 },
  );
}

async function expectWhole({ stage, server }: OpcuaStage, fault: string, runs: number): Promise<void> {
  await server.finish();
  await stage.expectNothingLostAndNothingTwice(`OPC UA: ${fault}`, runs, 60_000, server);
  expect(await readBooks(stage.database)).toMatchObject({ rejected: 0 });
}

/** A number of the source's status. */
async function countOf({ stage }: OpcuaStage, name: string): Promise<number> {
  const [row] = await stage.database.query<{ count: number }>(
    "select (status->>$1)::int as count from source where protocol = 'opcua'",
    [name],
  );
  return row?.count ?? 0;
}

// What the server has written is what must be stored: what its queues do not bridge its history brings.
describe.each(testEngines())('on %s, from an OPC UA server with history:', (engine) => {
  test('ingest killed with -9, three times under load', async () => {
    const opened = await openOpcuaStage(engine);
    for (let kills = 1; kills <= 3; kills++) {
      await pause(400 * kills);
      await opened.stage.ingest.stop('SIGKILL');
      await pause(500 * kills);
      await opened.stage.start();
      await storesAll(opened);
    }
    await expectWhole(opened, 'ingest killed with -9 under load', 3);
  });

  test('the database is cut off again and again, then refuses for three seconds', async () => {
    const opened = await openOpcuaStage(engine);
    const { stage } = opened;
    await stage.interruptDatabase();
    await expectWhole(opened, 'database connections cut, then refused for 3 s', 6);
    expect(stage.ingest.process.exitCode).toBeNull();
  });

  test('the journal is full while the database is away: the queues overflow, and the history fills them', async () => {
    const opened = await openOpcuaStage(engine, { JOURNAL_MAX_SIZE: '150KB', OPCUA_OUTAGE_SECONDS: '1' });
    const { stage } = opened;
    await stage.databaseProxy.refuse();
    await waitUntil('the journal is full', () => stage.ingest.output().includes('the journal can take nothing more'), {
      limitMs: 30_000,
    });
    await pause(5000);
    await stage.databaseProxy.heal();
    await storesAll(opened);
    await expectWhole(opened, 'journal full while the database is away', 1);
    await waitUntil('the overflow and its history are told', async () => {
      const counts = [await countOf(opened, 'queue_overflows'), await countOf(opened, 'backfilled_values')];
      return counts.every((count) => count > 0);
    });
    expect(stage.ingest.process.exitCode).toBeNull();
  });
});
