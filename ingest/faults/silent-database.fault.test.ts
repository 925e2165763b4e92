import { expect, test } from 'vitest';
import { pause } from '../../core/clock.ts';
import { testEngines } from '../../core/testing/database.ts';
import { waitUntil } from '../../core/testing/wait-until.ts';
import { openFaultStage, type FaultStage } from './testing/fault-stage.ts';
import { storedChecksum } from './testing/stored.ts';

// A line that takes bytes and answers nothing gives no error by itself. The server's side stays open, with the gateway's
// lock and perhaps an open transaction: the new session must get past it.
// Nearly all of it is waiting for a limit to run out, and so all of them wait together.
test('the line to the database is blackholed, and half-open', async () => {
  const causes: [string, (stage: FaultStage) => void][] = [
    ['blackholed in both directions', (stage) => stage.databaseProxy.blackhole()],
    ['half-open: what the database answers is lost', (stage) => stage.databaseProxy.halfOpen('down')],
  ];
  const cases = testEngines().flatMap((engine) => causes.map(([name, cause]) => ({ engine, name, cause })));
  await Promise.all(
    cases.map(async ({ engine, name, cause }) => {
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
    }),
  );
});
