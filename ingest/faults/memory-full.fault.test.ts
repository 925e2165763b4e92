import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { testEngines } from '../../core/testing/database.ts';
import { hasMosquitto, startMosquitto } from '../../core/testing/mosquitto.ts';
import { waitUntil } from '../../core/testing/wait-until.ts';
import { openFaultStage } from './testing/fault-stage.ts';
import { readBooks } from './testing/stored.ts';

const preload = join(import.meta.dirname, 'testing/preload.ts');
/** The first byte is never UTF-8: each is rejected, and kept until it is journaled. Memory holds 64 MB of such. */
const unreadable = Buffer.alloc(9_000_000, 0xff);

describe.each(testEngines())('on %s, the memory is full while the disk is slow:', (engine) => {
  test.skipIf(!hasMosquitto)(
    `what is refused comes again from mosquitto${hasMosquitto ? '' : ' (skipped: mosquitto is not installed)'}`,
    async () => {
      const mosquitto = await startMosquitto();
      const broker = { url: mosquitto.url, port: mosquitto.port, close: () => mosquitto.stop() };
      const stage = await openFaultStage(engine, { broker, preload });
      await stage.start();
      await stage.publisher.publish(1000);
      await waitUntil('they are stored', async () => (await readBooks(stage.database)).stored >= 1000);
      // The broker keeps all of it for the session, and hands it over in one go.
      await stage.ingest.stop('SIGKILL');
      for (let message = 0; message < 12; message++) {
        await stage.publisher.publishBytes('millrace/berlin/line-01/m-001/t-1', unreadable);
        await stage.publisher.publish(50);
      }
      stage.settings['PRELOAD_SYNC_DELAY_MS'] = '3000';
      await stage.start();
      // The silence of the disk stops the reading too, after a second, and may be first on a busy machine.
      const said = await waitUntil(
        'reading stops because the memory is full',
        () =>
          stage.ingest
            .output()
            .split('\n')
            .find(
              (line) => /the journal can take nothing more.*}$/.test(line) && line.includes('"memory_is_full":true'),
            ),
        { limitMs: 30_000 },
      );
      expect(JSON.parse(said)).toMatchObject({ journal_is_full: false });
      stage.ingest.process.send({ syncDelayMs: 0 });
      await stage.expectNothingLostAndNothingTwice('memory full on a slow disk, mosquitto delivers again', 1);
      const books = await readBooks(stage.database);
      expect(books.rejected).toBeGreaterThanOrEqual(12);
      const [dropped] = await stage.database.query('select sum(dropped)::int8 as dropped from ledger');
      expect(dropped).toEqual({ dropped: 0 });
      expect(stage.ingest.process.exitCode).toBeNull();
    },
  );
});
