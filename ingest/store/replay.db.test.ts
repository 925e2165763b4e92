import { describe, expect, onTestFinished, test } from 'vitest';
import { now } from '../../core/clock.ts';
import { testEngines } from '../../core/testing/database.ts';
import { createMessageReader } from '../receive/mqtt/read-message.ts';
import type { Intake } from '../receive/receiver.ts';
import { addReading, addRejected } from '../resolve/add-reading.ts';
import { openStoreStage, type StageRow, type StoreStage } from '../testing/store-stage.ts';

async function open(engine: Parameters<typeof openStoreStage>[0]): Promise<StoreStage> {
  const stage = await openStoreStage(engine);
  onTestFinished(() => stage.close());
  return stage;
}

const machine = 'millrace/berlin/line-01/m-001';
/** Takes one message of the machine down the road that it goes in production. */
const readMessage = (stage: StoreStage, nowMs: number, message: unknown): Promise<void> =>
  stage.message((into) => {
    const intake = { open: () => into } as unknown as Intake;
    createMessageReader({ enterprise: 'millrace', intake, registry: stage.registry(), clock: () => nowMs }).read({
      topic: machine,
      payload: Buffer.from(JSON.stringify(message)),
      retain: false,
    });
  });
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

  test('every bad reading of a message can be replayed, each for itself, and the good ones are not met again', async () => {
    const stage = await open(engine);
    const nowMs = now();
    const ts = new Date(nowMs).toISOString();
    await readMessage(stage, nowMs, [
      { ts: nowMs, values: { 't-1': 'Execute', 't-2': 1, 't-3': 'Idle', order: 9_007_199_254_740_992 } },
      { ts: nowMs + 1, values: { 't-1': 'Held', 't-2': { unit: 'C' }, 't-3': true } },
      { ts: `${ts}+01:00Z`, values: { 't-2': 5 } },
    ]);
    const before = { received: 8, stored: 3, rejected: 5 };
    expect(await stage.ledger()).toMatchObject(before);
    // Nothing was put right: nothing moves, and each says what is wrong with itself.
    await ask(stage);
    await stage.replay();
    expect(await stage.ledger()).toMatchObject(before);
    await stage.database.execute("update signal set kind = 'state' where name in ('t-1', 't-3')");
    await stage.reload();
    await ask(stage);
    await stage.replay();
    expect(await stage.ledger()).toMatchObject({ received: 8, stored: 6, duplicate: 0, rejected: 2 });
    expect(await stage.stored('t-1')).toMatchObject([
      { time_us: nowMs * 1000, value: 6 },
      { time_us: (nowMs + 1) * 1000, value: 11 },
    ]);
    expect((await stage.stored('t-3')).map(({ value }) => value)).toEqual([4, 1]);
    const left = await stage.database.query(
      'select reason, address from rejected_reading where resolved_at is null order by rejected_reading_id',
    );
    expect(left).toEqual([
      { reason: 'not_a_number', address: `${machine}/t-2` },
      { reason: 'wrong_time', address: `${machine}/t-2` },
    ]);
  });

  test('of OPC UA and Sparkplug come back texts, booleans, and readings without a value', async () => {
    const stage = await open(engine);
    const nowUs = now() * 1000;
    const future = nowUs + 2 * 86_400_000_000;
    await stage.database.execute(
      `insert into signal_source (organization_id, signal_id, protocol, address)
       select organization_id, signal_id, 'opcua', 'ns=2;s=' || name from signal`,
    );
    await stage.reload();
    const at = (name: string) => stage.registry().signal(stage.idOf(name));
    await stage.message(
      (into) => {
        addReading(into, 'ns=2;s=t-1', at('t-1'), nowUs, 'Execute', 192, nowUs);
        addReading(into, 'ns=2;s=state', at('state'), nowUs, true, 192, nowUs);
        addReading(into, 'ns=2;s=t-2', at('t-2'), future, null, 0, nowUs);
        addReading(into, 'ns=2;s=order', at('order'), future, 'PN-9', 192, nowUs);
        addReading(into, 'ns=2;s=t-3', at('t-3'), nowUs, 9_007_199_254_740_993n, 192, nowUs);
        addRejected(into, 'ns=2;s=t-3', 'unsupported_type', 'an array', null);
      },
      { protocol: 'opcua', name: 'opc.tcp://plc' },
    );
    await stage.database.execute(
      "update rejected_reading set received_at = received_at - interval '3 days', time = time - interval '3 days'",
    );
    await stage.database.execute("update ledger set minute = minute - interval '3 days'");
    await stage.database.execute("update signal set kind = 'state' where name = 't-1'");
    await stage.database.execute("update signal set kind = 'order' where name = 't-3'");
    await stage.reload();
    await ask(stage);
    await stage.replay();
    const day = 86_400_000_000;
    expect(await stage.stored('t-1')).toEqual([{ time_us: nowUs - 3 * day, value: 6, quality: 192 }]);
    expect(await stage.stored('t-2')).toEqual([{ time_us: nowUs - day, value: null, quality: 0 }]);
    const [texts] = await stage.database.query(
      `select array_agg(text order by text) as texts from reading join text_value on text_value_id = value
        where signal_id = any ($1::int[])`,
      [[stage.idOf('order'), stage.idOf('t-3')]],
    );
    expect(texts).toEqual({ texts: ['9007199254740993', 'PN-9'] });
    // A boolean is no state, also when it is met a second time.
    expect(await stage.stored('state')).toEqual([]);
    const left = await stage.database.query(
      'select reason from rejected_reading where resolved_at is null order by rejected_reading_id',
    );
    expect(left).toEqual([{ reason: 'unknown_state' }, { reason: 'unsupported_type' }]);
    expect(await stage.ledger()).toMatchObject({ received: 6, stored: 4, rejected: 2 });
  });

  test('what cannot be tried at all keeps the sentence that says why it was rejected', async () => {
    const stage = await open(engine);
    await stage.message((into) => addRejected(into, machine, 'malformed_payload', 'The message is a riddle.', null));
    await ask(stage);
    await stage.replay();
    const rows = await stage.database.query(
      'select reason, detail, replay_requested_at is null as done from rejected_reading',
    );
    expect(rows).toEqual([{ reason: 'malformed_payload', detail: 'The message is a riddle.', done: true }]);
  });

  test('what the store refuses of a signal that has become an order meanwhile is kept as the number that it is', async () => {
    const stage = await open(engine);
    await stage.restart({ mostOldDays: 0 });
    const oldUs = (now() - 200 * 86_400_000) * 1000;
    // The registry has not heard of it, as it has not while readings wait in the journal.
    await stage.database.execute("update signal set kind = 'order' where name = 't-1'");
    const rows = [21.5, 5e9, -1, 0].map((value, index): StageRow => ['t-1', oldUs + index, value]);
    await stage.send([...rows, ['order', oldUs, 'PN-78']]);
    const kept = await stage.database.query(
      'select reason, value, payload is not null as is_text from rejected_reading order by value',
    );
    const numbers = [-1, 0, 21.5, 5e9].map((value) => ({ reason: 'too_old', value, is_text: false }));
    expect(kept).toEqual([...numbers, { reason: 'too_old', value: null, is_text: true }]);
  });

  test('an order that the store refused is kept as its text, and is stored as that', async () => {
    const stage = await open(engine);
    await stage.restart({ mostOldDays: 0 });
    const oldUs = (now() - 200 * 86_400_000) * 1000;
    await stage.send([['order', oldUs, 'PN-77']]);
    const [row] = await stage.database.query<{ reason: string; payload: Buffer }>(
      'select reason, payload from rejected_reading',
    );
    expect([row?.reason, row?.payload.toString()]).toEqual(['too_old', '"PN-77"']);
    await stage.restart({ mostOldDays: 400 });
    await ask(stage);
    await stage.replay();
    const stored = await stage.database.query('select text from reading join text_value on text_value_id = value');
    expect(stored).toEqual([{ text: 'PN-77' }]);
  });
});
