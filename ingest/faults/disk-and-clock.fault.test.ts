import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { now } from '../../core/clock.ts';
import { testEngines } from '../../core/testing/database.ts';
import { waitUntil } from '../../core/testing/wait-until.ts';
import { openFaultStage, type FaultStage } from './testing/fault-stage.ts';
import { startRoom } from '../../core/testing/room.ts';
import type { PreloadedFaults } from './testing/preload.ts';

const preload = join(import.meta.dirname, 'testing/preload.ts');
const hourMs = 3_600_000;

function cause(stage: FaultStage, faults: PreloadedFaults): void {
  stage.ingest.process.send(faults);
}

/** A file system of its own of 16 MB in memory, or undefined where this user may not mount one. */
function mountSmallDisk(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-disk-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', folder]).status === 0;
  onTestFinished(() => {
    if (mounted) spawnSync('umount', ['-l', folder]);
    rmSync(folder, { recursive: true, force: true });
  });
  return mounted ? folder : undefined;
}

/** Writes until the file system takes no byte more; ingest writes beside it, so that what is free is known to nobody. */
function fillDisk(filler: string): void {
  const file = openSync(filler, 'w');
  for (let size = 65_536; size >= 1; ) {
    try {
      writeSync(file, Buffer.alloc(size));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      size = Math.floor(size / 2);
    }
  }
  closeSync(file);
}

describe.each(testEngines())('on %s, the disk', (engine) => {
  test('is full to the last byte, and has room again', async (context) => {
    const folder = mountSmallDisk();
    if (folder === undefined) return context.skip('only root may mount a small file system');
    const stage = await openFaultStage(engine, { settings: { DATA_DIR: folder, DISK_MIN_FREE: '0KB' } });
    await stage.start();
    await stage.publisher.publish(500);
    const filler = join(folder, 'filler');
    fillDisk(filler);
    const publishing = stage.publisher.publish(4000);
    await waitUntil(
      'the gateway says that its disk fails',
      async () => {
        const [row] = await stage.database.query<{ status: string }>("select status->>'status' as status from gateway");
        return row?.status === 'disk_failing';
      },
      { limitMs: 20_000, everyMs: 100 },
    );
    rmSync(filler);
    await publishing;
    await stage.expectNothingLostAndNothingTwice('disk full to the last byte (ENOSPC)', 1);
    expect(stage.ingest.process.exitCode).toBeNull();
  });

  test('takes 300 ms for every sync', async () => {
    const stage = await openFaultStage(engine, { preload });
    const slowSyncs = [0, 0];
    await stage.start();
    await stage.publishDuring(async () => {
      for (const start of slowSyncs.keys()) {
        if (start > 0) {
          await stage.ingest.stop('SIGKILL');
          await stage.start();
        }
        stage.ingest.process.on('message', (message: { slowSync?: boolean }) => {
          if (message.slowSync === true) slowSyncs[start] = (slowSyncs[start] ?? 0) + 1;
        });
        cause(stage, { syncDelayMs: 300 });
        await waitUntil('the journal has waited for the disk three times', () => (slowSyncs[start] ?? 0) >= 3);
      }
    });
    await stage.expectNothingLostAndNothingTwice('slow disk (300 ms a sync) and a kill -9', 2);
    expect(stage.ingest.process.exitCode).toBeNull();
  });
});

describe.each(testEngines())('on %s, the clock', (engine) => {
  test('jumps an hour back and two hours ahead under load, with a kill -9 in between', async () => {
    const stage = await openFaultStage(engine, { preload, settings: { FAR_FUTURE_HOURS: '2' } });
    await stage.start();
    const analytics = await startRoom('analytics/main.ts', stage.settings);
    onTestFinished(() => analytics.kill());
    await stage.publisher.publish(1500);
    cause(stage, { clockOffsetMs: -hourMs });
    await stage.publisher.publish(1500);
    await stage.ingest.stop('SIGKILL');
    await stage.start();
    cause(stage, { clockOffsetMs: hourMs });
    await stage.publisher.publish(1500);
    // By a clock that is an hour ahead this is 1.5 h ahead and stored; by the right one it is 2.5 h and refused.
    const signal = stage.signals.get('t-40');
    if (signal === undefined) throw new Error('The test plant has no t-40.');
    const aheadMs = now() + 2.5 * hourMs;
    await stage.publisher.publishReading(signal, aheadMs, 1);
    await waitUntil('the reading from ahead is stored', async () => {
      const rows = await stage.database.query('select 1 from reading where time = to_timestamp($1::float8 / 1000)', [
        aheadMs,
      ]);
      return rows.length === 1;
    });
    cause(stage, { clockOffsetMs: 0 });
    await stage.publisher.publish(1500);
    await stage.publisher.publishBytes(signal.address, Buffer.from(JSON.stringify({ ts: aheadMs + 1000, value: 2 })));
    await stage.expectNothingLostAndNothingTwice('clock jumps of ±1 h and a kill -9', 4);
    // The late ones lie an hour back, where rollups are built of nothing but what the store has noted.
    await waitUntil(
      'what came late is rolled up',
      async () => (await stage.database.query('select 1 from late_range')).length === 0,
      { limitMs: 60_000, everyMs: 200 },
    );
    const [compared] = await stage.database.query<{ late: number; differing: number }>(
      `select (select count(*) from reading where time < now() - interval '30 minutes')::int as late,
              (select count(*) from rollup_difference(now() - interval '2 hours', now() - interval '30 minutes', array['1m']))::int as differing`,
    );
    expect(compared?.late).toBeGreaterThan(100);
    expect(compared?.differing).toBe(0);
    const rejected = await stage.database.query<{ reason: string }>('select reason from rejected_reading');
    expect(rejected).toEqual([{ reason: 'far_future' }]);
  });
});
