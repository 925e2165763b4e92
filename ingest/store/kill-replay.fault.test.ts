import { expect, test } from 'vitest';
import { pause } from '../../core/clock.ts';
import { testEngines } from '../../core/testing/database.ts';
import { recordFault } from '../../core/testing/fault-record.ts';
import { waitUntil } from '../../core/testing/wait-until.ts';
import { openFaultStage } from '../faults/testing/fault-stage.ts';
import { readBooks, storedChecksum } from '../faults/testing/stored.ts';

// One transaction of a back-fill takes 20,000 parked readings, one of a replay 2,000 rejected ones: five of each.
const parked = 100_000;
const rejected = 10_000;

test.each(testEngines())(
  'parked readings of a mapped address and rejected ones after a fix are stored once, whenever ingest is killed, on %s',
  async (engine) => {
    const stage = await openFaultStage(engine);
    const { database, signals } = stage;
    const [target, other] = [signals.get('t-1')?.signal_id ?? 0, signals.get('t-2')?.signal_id ?? 0];
    await database.query("call ensure_reading_partitions(now() - interval '3 days', now())");
    // What ingest left behind: readings of an address that nobody had mapped, and of a signal that could not take them.
    await database.execute(
      `with o as (select organization_id from organization where name = 'millrace'),
            s as (insert into source (organization_id, protocol, name) select organization_id, 'mqtt', 'millrace/berlin/line-01' from o returning *),
            d as (insert into discovered_address (organization_id, source_id, protocol, address, first_seen_at, last_seen_at, readings)
                  select organization_id, source_id, 'mqtt', 'millrace/berlin/line-01/m-001/renamed', now(), now(), $1 from s returning *),
            p as (insert into parked_reading (organization_id, discovered_address_id, source_id, received_at, time, value, quality)
                  select d.organization_id, d.discovered_address_id, d.source_id, now() - interval '1 day',
                         date_trunc('second', now()) - interval '2 days' + n * interval '1 second', n, 192 from d, generate_series(1, $1) n),
            r as (insert into rejected_reading (organization_id, source_id, received_at, address, reason, detail, signal_id, time, value, quality)
                  select organization_id, source_id, now() - interval '1 day', 'millrace/berlin/line-01/m-001/t-2', 'not_a_number', 'a unit was sent', $3,
                         date_trunc('second', now()) - interval '2 days' + n * interval '1 second', n, 192 from s, generate_series(1, $2) n)
       insert into ledger (organization_id, source_id, minute, received, parked, rejected)
       select organization_id, source_id, date_trunc('minute', now() - interval '1 day'), $1 + $2, $1, $2 from s`,
      [parked, rejected, other],
    );
    await stage.start();
    await database.execute(
      `insert into signal_source (organization_id, signal_id, protocol, address)
       select organization_id, $1, 'mqtt', 'millrace/berlin/line-01/m-001/renamed' from organization where name = 'millrace'`,
      [target],
    );
    await database.query('update rejected_reading set replay_requested_at = now()');
    await database.query("select pg_notify('rejected_replay', '')");
    let kills = 0;
    for (; kills < 8; kills++) {
      // Some right after a start, some as soon as more is stored than before: in the middle of the next transaction.
      const { readings } = await storedChecksum(database);
      if (readings === parked + rejected) break;
      if (kills % 2 === 0) await pause(kills * 40);
      else {
        await waitUntil('more is stored', async () => (await storedChecksum(database)).readings > readings, {
          limitMs: 60_000,
          everyMs: 20,
        });
      }
      await stage.ingest.stop('SIGKILL');
      await stage.start();
    }
    const left = async (): Promise<number> => {
      const [row] = await database.query<{ left: number }>(
        `select (select count(*) from parked_reading) + (select count(*) from discovered_address)
                + (select count(*) from rejected_reading where resolved_at is null) as left`,
      );
      return row?.left ?? 0;
    };
    await waitUntil('everything is taken', async () => (await left()) === 0, { limitMs: 60_000, everyMs: 100 });
    const [found] = await database.query<{ distinct: number; right: number }>(
      `select count(distinct (signal_id, time)) as distinct, count(*) filter (where
         time = date_trunc('second', (select received_at from rejected_reading limit 1)) - interval '1 day' + value * interval '1 second') as right
         from reading where signal_id = any ($1::int[])`,
      [[target, other]],
    );
    const { readings: stored } = await storedChecksum(database);
    const books = await readBooks(database);
    const sent = parked + rejected;
    recordFault({
      fault: 'ingest killed with -9 while it back-fills and replays',
      engine,
      runs: kills,
      sent,
      acknowledged: sent,
      stored: found?.distinct ?? 0,
      lost: sent - (found?.distinct ?? 0),
      doubled: Math.max(stored, books.stored, books.fed) - sent,
    });
    expect(kills).toBeGreaterThan(2);
    expect(found).toEqual({ distinct: sent, right: sent });
    expect(books).toEqual({
      received: sent,
      ended: sent,
      stored: sent,
      duplicate: 0,
      rejected: 0,
      parked: 0,
      fed: sent,
      marks: 0,
      lost_upstream: 0,
    });
  },
);
