import { describe, expect, test } from 'vitest';
import { pause } from '../../core/clock.ts';
import { testEngines } from '../../core/testing/database.ts';
import { waitUntil } from '../../core/testing/wait-until.ts';
import { openFaultStage, type FaultStage } from './testing/fault-stage.ts';
import { storedChecksum } from './testing/stored.ts';

// A line that takes bytes and answers nothing gives no error by itself. The server's side stays open, with the gateway's
// lock and perhaps an open transaction: the new session must get past it.
describe.each(testEngines())('on %s', (engine) => {
  test.each([
    ['blackholed in both directions', (stage: FaultStage) => stage.databaseProxy.blackhole()],
    ['half-open: what the database answers is lost', (stage: FaultStage) => stage.databaseProxy.halfOpen('down')],
  ] as const)('line to the database %s', async (name, cause) => {
    const stage = await openFaultStage(engine);
    await stage.start();
    await stage.publisher.publish(500);
    const publishing = stage.publisher.publish(6000);
    await pause(200);
    cause(stage);
    const silentAt = performance.now();
    await publishing;
    await waitUntil('the store notices', () => stage.ingest.output().includes('not answered a statement'), {
      limitMs: 30_000,
    });
    expect(performance.now() - silentAt).toBeLessThan(30_000);
    const { readings } = await storedChecksum(stage.database);
    expect(readings).toBeLessThan(stage.publisher.acknowledged.size);
    await stage.databaseProxy.heal();
    await stage.expectNothingLostAndNothingTwice(`line to the database ${name}`, 1);
    expect(stage.ingest.process.exitCode).toBeNull();
  });
});
