import { expect, onTestFinished, test } from 'vitest';
import { now } from '../../core/clock.ts';
import { testEngines } from '../../core/testing/database.ts';
import { openStoreStage, type StageRow } from '../testing/store-stage.ts';

const dayUs = 86_400_000_000;

test.each(testEngines())(
  'a flood of readings, each on another day, takes no more than its room on %s',
  async (engine) => {
    const stage = await openStoreStage(engine);
    onTestFinished(() => stage.close());
    await stage.restart({ mostOldDays: 7 });
    const nowUs = now() * 1000;
    const back = (days: number): number => nowUs - days * dayUs;
    const daysThere = async (): Promise<number> => {
      const [row] = await stage.database.query<{ days: number }>(
        "select count(*) as days from reading_days_before(now() - interval '92 days')",
      );
      return row?.days ?? 0;
    };
    // Within the retention every day has room.
    await stage.send(Array.from({ length: 30 }, (_, index): StageRow => ['t-1', back(index * 3), index]));
    expect(await stage.ledger()).toMatchObject({ received: 30, stored: 30, rejected: 0 });
    // Beyond it the newest seven of the first message do, and in the same message the present one, and no zero dates.
    const flood = Array.from({ length: 60 }, (_, index): StageRow => ['t-2', back(100 + index * 200), index]);
    const zero: StageRow[] = [0, 1, -11_644_473_600_000_000, Date.UTC(1980, 0, 1) * 1000].map((time) => [
      't-2',
      time,
      1,
    ]);
    await stage.send([...flood, ...zero, ['t-2', nowUs, 5]]);
    expect(await stage.ledger()).toMatchObject({ received: 95, stored: 38, rejected: 57 });
    expect((await stage.stored('t-2')).map(({ value }) => value).sort((a, b) => (a ?? 0) - (b ?? 0))).toEqual([
      0, 1, 2, 3, 4, 5, 5, 6,
    ]);
    expect(await daysThere()).toBe(7);
    // A day that has its room takes more; a further one is refused also after a restart.
    await stage.restart({ mostOldDays: 7 });
    await stage.send([
      ['t-3', back(100) + 1, 1],
      ['t-3', back(5000), 2],
      ['order', back(5001), 'P-1'],
    ]);
    expect(await stage.ledger()).toMatchObject({ received: 98, stored: 39, rejected: 59 });
    const reasons = await stage.database.query(
      'select reason, count(*) as rows, bool_and(value is not null or payload is not null) as kept from rejected_reading group by 1 order by 1',
    );
    expect(reasons).toEqual([
      { reason: 'too_old', rows: 55, kept: true },
      { reason: 'zero_time', rows: 4, kept: true },
    ]);
    // When the retention has dropped the old days, what was refused can be replayed into the room.
    await stage.database.query('select drop_expired_readings()');
    expect(await daysThere()).toBe(0);
    await stage.database.execute(
      "update rejected_reading set replay_requested_at = now() where reason = 'too_old' and signal_id = $1",
      [stage.idOf('t-3')],
    );
    await stage.replay();
    expect(await stage.ledger()).toMatchObject({ received: 98, stored: 40, rejected: 58 });
    expect((await stage.stored('t-3')).map(({ value }) => value)).toEqual([2]);
  },
);
