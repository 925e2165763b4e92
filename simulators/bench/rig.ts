import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { pause } from '../../core/clock.ts';
import { benchNodes, benchPlant, benchSignalIds, type PlantSize } from './bench-plant.ts';
import type { Bench } from './context.ts';
import type { BenchDatabase } from './bench-database.ts';
import type { Rig } from './measured-run.ts';
import { startPublisher, type Publisher } from './publisher.ts';
import type { Protocol } from '../../core/reading.ts';

/** A rig without its publisher's sessions, for benches that only load rows. */
export async function openPlantDatabase(
  bench: Bench,
  size: PlantSize,
  ...protocols: Protocol[]
): Promise<{ database: BenchDatabase; signalIds: number[] }> {
  const database = await bench.database(benchPlant(size, ...protocols));
  return { database, signalIds: await benchSignalIds(database.database, size) };
}

/** Broker, ingest and publisher on a database; waits until births are stored, so that they are in no measurement. */
export async function openRig(
  bench: Bench,
  { database, signalIds }: { database: BenchDatabase; signalIds: number[] },
  size: PlantSize,
  protocol: 'mqtt' | 'sparkplug',
  kind: 'stock' | 'roomy',
): Promise<Rig> {
  const broker = await bench.broker(kind);
  const dataDir = mkdtempSync(join(bench.runDir, 'ingest-'));
  const ingest = await bench.room('ingest/main.ts', {
    DATABASE_URL: database.url,
    MQTT_URL: broker.url,
    DATA_DIR: dataDir,
    REDIS_URL: '',
  });
  const publisher = await openPublisher(bench, broker.url, signalIds, size, protocol);
  if (protocol === 'sparkplug') {
    await waitForBirths(database, signalIds.length);
    // A first run could bring the same times again.
    await database.clear();
  }
  return { database, broker, ingest, publisher };
}

/** A publisher of all signals of the plant, closed at the end of the bench. */
export async function openPublisher(
  bench: Bench,
  url: string,
  signalIds: number[],
  size: PlantSize,
  protocol: 'mqtt' | 'sparkplug',
): Promise<Publisher> {
  const { seed } = bench.result;
  const publisher = await startPublisher({ url, protocol, nodes: benchNodes(size), signal_ids: signalIds, seed });
  bench.atEnd(() => publisher.close());
  return publisher;
}

async function waitForBirths({ database }: BenchDatabase, signals: number): Promise<void> {
  for (let waited = 0; waited < 30_000; waited += 50) {
    const [row] = await database.query<{ stored: number }>(
      'select coalesce(sum(stored), 0)::int as stored from ledger',
    );
    if ((row?.stored ?? 0) >= signals) return;
    await pause(50);
  }
  throw new Error('The births of the publisher did not arrive within 30 s; is something else on its broker?');
}
