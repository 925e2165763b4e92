import { describe, expect, onTestFinished, test } from 'vitest';
import { now } from '../../core/clock.ts';
import { testEngines } from '../../core/testing/database.ts';
import { addReading, addRejected } from '../resolve/add-reading.ts';
import { openStoreStage, type StoreStage } from '../testing/store-stage.ts';

async function open(engine: Parameters<typeof openStoreStage>[0]): Promise<StoreStage> {
  const stage = await openStoreStage(engine);
  onTestFinished(() => stage.close());
  return stage;
}

const machine = 'millrace/berlin/line-01/m-001';
const ask = (stage: StoreStage): Promise<number> =>
  stage.database.execute('update rejected_reading set replay_requested_at = now() where resolved_at is null');

describe.each(testEngines())('on %s', (engine) => {
  test('kept bytes and values are stored once after the plant was put right, and the books move', async () => {
    const stage = await open(engine);
    const nowMs = now();
    await stage.message((into) => {
      // The signal was made as a measurement, but what comes is a state by its name.
      const wrongKind = Buffer.from(JSON.stringify({ ts: nowMs, value: 'Execute' }));
      const t1 = stage.registry().signal(stage.idOf('t-1'));
      addReading(into, `${machine}/t-1`, t1, nowMs * 1000, 'Execute', 192, nowMs * 1000, { payload: wrongKind });
      // A message with three readings, which counted as one.
      const message = Buffer.from(JSON.stringify({ ts: nowMs, values: { 't-2': 1, 't-3': 2, good: 3 } }));
      addRejected(into, machine, 'malformed_payload', 'a bug of ours', message);
      // Only the value was kept, as of OPC UA; the clock of the machine was two days ahead when it came.
      const t3 = stage.registry().signal(stage.idOf('t-3'));
      addReading(into, `${machine}/t-3`, t3, (nowMs + 2 * 86_400_000) * 1000, 7.5, 64, nowMs * 1000);
      addRejected(into, machine, 'malformed_payload', 'hopeless', Buffer.from('{"ts": '));
    });
    expect(await stage.ledger()).toMatchObject({ received: 4, stored: 0, rejected: 4, from_future: 1 });
    // Nothing is put right yet: what can be read already is stored, the rest stays with the present reason.
    await ask(stage);
    await stage.replay();
    expect(await stage.ledger()).toMatchObject({ received: 6, stored: 3, rejected: 3, from_future: 1 });
    await stage.database.execute("update signal set kind = 'state' where name = 't-1'");
    await stage.reload();
    await ask(stage);
    await stage.replay();
    expect(await stage.ledger()).toMatchObject({ received: 6, stored: 4, duplicate: 0, rejected: 2 });
    expect(await stage.stored('t-1')).toEqual([{ time_us: nowMs * 1000, value: 6, quality: 192 }]);
    const rows = await stage.database.query<{ reason: string; done: boolean }>(
      'select reason, resolved_at is not null as done from rejected_reading order by rejected_reading_id',
    );
    expect(rows.map(({ done }) => done)).toEqual([true, true, false, false]);
    // Asked for again, and the same order once more: nothing is stored twice.
    await ask(stage);
    await stage.replay();
    await stage.restart();
    await stage.replay();
    expect(await stage.ledger()).toMatchObject({ received: 6, stored: 4, duplicate: 0, rejected: 2 });
    const [feed] = await stage.database.query<{ rows: number }>(
      'select sum(readings)::int8 as rows from reading_batch',
    );
    expect(feed?.rows).toBe(4);
  });

  test('what lay in the future is stored with its quality when it has become past', async () => {
    const stage = await open(engine);
    const nowMs = now();
    await stage.message((into) => {
      const t3 = stage.registry().signal(stage.idOf('t-3'));
      addReading(into, `${machine}/t-3`, t3, (nowMs + 2 * 86_400_000) * 1000, 7.5, 64, nowMs * 1000);
    });
    await stage.database.execute(
      "update rejected_reading set received_at = received_at - interval '3 days', time = time - interval '3 days'",
    );
    await stage.database.execute("update ledger set minute = minute - interval '3 days'");
    await ask(stage);
    await stage.replay();
    expect(await stage.stored('t-3')).toEqual([{ time_us: (nowMs - 86_400_000) * 1000, value: 7.5, quality: 64 }]);
    expect(await stage.ledger()).toMatchObject({ received: 1, stored: 1, rejected: 0, from_future: 0 });
    expect(await stage.database.query('select 1 from ledger')).toHaveLength(1);
  });

  test('a reading without a time is stored at the time of its receipt, and texts whatever rejected them', async () => {
    const stage = await open(engine);
    const timeUs = now() * 1000;
    await stage.message((into) => {
      const t1 = stage.registry().signal(stage.idOf('t-1'));
      const payload = Buffer.from('{"value": "Execute"}');
      addReading(into, `${machine}/t-1`, t1, Number.NaN, 'Execute', 192, timeUs, { payload });
      // Parked as a text; the signal that its address gets first takes numbers only.
      addReading(into, 'opcua address', undefined, timeUs, 'PN-4711', 64, timeUs);
    });
    await stage.database.query('alter table text_value add constraint poison check (text <> $$PN-0815$$)');
    await stage.send([['order', timeUs, 'PN-0815', 64]]);
    await stage.database.query('alter table text_value drop constraint poison');
    await stage.database.execute(
      `insert into signal_source (organization_id, signal_id, protocol, address)
       select organization_id, signal_id, 'mqtt', 'opcua address' from signal where name = 't-2'`,
    );
    await stage.reload();
    await stage.backfill('opcua address');
    expect(await stage.ledger()).toMatchObject({ received: 3, rejected: 3, parked: 0 });
    await stage.database.execute(
      "update signal set kind = case name when 't-1' then 'state' else 'order' end where name in ('t-1', 't-2')",
    );
    await stage.reload();
    await ask(stage);
    await stage.replay();
    const reasons = await stage.database.query('select reason, detail from rejected_reading where resolved_at is null');
    expect(reasons).toEqual([]);
    expect(await stage.ledger()).toMatchObject({ received: 3, stored: 3, rejected: 0, untimed: 1 });
    expect(await stage.stored('t-1')).toEqual([{ time_us: timeUs, value: 6, quality: 192 }]);
    expect(await stage.stored('t-2')).toMatchObject([{ time_us: timeUs, quality: 64 }]);
    expect(await stage.stored('order')).toMatchObject([{ time_us: timeUs, quality: 64 }]);
  });
});
