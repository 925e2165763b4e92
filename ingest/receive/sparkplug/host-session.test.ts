import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Quality } from '../../../core/reading.ts';
import { Datatype } from '../../../core/sparkplug/datatype.ts';
import { encodePayload } from '../../../core/sparkplug/encode-payload.ts';
import { encodeDeviceBirth, encodeNodeBirth } from '../../../core/sparkplug/messages.ts';
import { type HostStage, nodeName, setHostStage, start } from '../testing/host-stage.ts';

let stage: HostStage;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  stage = await setHostStage();
});

afterEach(() => {
  stage.host.close();
  vi.useRealTimers();
});

describe('births and data', () => {
  test('a birth gives values, and DATA by alias takes nodeName and datatype from it', () => {
    stage.bearNode();
    stage.bearDevice();
    stage.nowMs = 1000;
    stage.sendData(2, [stage.temperature(21.5)]);
    stage.sendData(3, [{ alias: 1, timestamp_ms: start + 1000, datatype: Datatype.UInt32, value: 61 }], '');
    const us = start * 1000;
    expect(stage.intake.readings(nodeName)).toEqual([
      { signal_id: 3, time_us: us, value: 60, quality: Quality.good, historical: false },
      { signal_id: 1, time_us: us, value: 20, quality: Quality.good, historical: false },
      { signal_id: 1, time_us: us + 1_000_000, value: 21.5, quality: Quality.good, historical: false },
      { signal_id: 3, time_us: us + 1_000_000, value: 61, quality: Quality.good, historical: false },
    ]);
    const { texts, parked, received, rejected } = stage.intake.of(nodeName) ?? {};
    expect(texts).toEqual([{ signal_id: 2, time_us: us, text: 'P-100', quality: Quality.good, historical: false }]);
    expect(parked).toEqual([
      { address: `${nodeName}/m-001/colour`, time_us: us, value: 7, text: null, quality: Quality.good },
    ]);
    expect([received, rejected, stage.requests]).toEqual([6, [], []]);
  });

  test('flags: historical is kept apart, transient is not stored, null is bad, Quality is ours', () => {
    stage.bearNode();
    stage.bearDevice();
    stage.sendData(2, [
      stage.temperature(1, { timestamp_ms: start - 60_000, is_historical: true }),
      stage.temperature(2, { is_transient: true }),
      stage.temperature(null, { timestamp_ms: start + 1 }),
      stage.temperature(3, { timestamp_ms: start + 2, quality: 0 }),
      stage.temperature(4, { timestamp_ms: start + 3, quality: 500 }),
      stage.temperature(5, { timestamp_ms: start + 4, quality: 64 }),
    ]);
    const temperatures = stage.intake
      .readings(nodeName)
      .filter(({ signal_id, value }) => signal_id === 1 && value !== 20);
    expect(temperatures.map(({ value, quality, historical }) => [value, quality, historical])).toEqual([
      [null, Quality.bad, false],
      [3, Quality.bad, false],
      [4, Quality.stale, false],
      [5, Quality.uncertain, false],
      [1, Quality.good, true],
    ]);
    expect(stage.host.nodes.get(nodeName)?.counts.transient_metrics).toBe(1);
    expect(stage.intake.of(nodeName)?.received).toBe(4 + 5);
  });

  test('a number by alias is judged like any other: finite, and of a time from 1990-01-02 to a day ahead', () => {
    stage.bearNode();
    stage.bearDevice();
    const first = Date.UTC(1990, 0, 2);
    const last = start + 24 * 3_600_000;
    stage.sendData(2, [
      stage.temperature(1, { timestamp_ms: first }),
      stage.temperature(2, { timestamp_ms: first - 1 }),
      stage.temperature(3, { timestamp_ms: last }),
      stage.temperature(4, { timestamp_ms: last + 1 }),
      stage.temperature(Number.POSITIVE_INFINITY, { timestamp_ms: start + 1 }),
      stage.temperature(Number.NaN, { timestamp_ms: start + 2 }),
      stage.temperature(0.5, { timestamp_ms: start + 3, datatype: Datatype.Float }),
    ]);
    const stored = stage.intake.readings(nodeName).filter(({ signal_id }) => signal_id === 1);
    expect(stored.slice(1).map(({ time_us, value }) => [time_us / 1000, value])).toEqual([
      [first, 1],
      [last, 3],
      [start + 3, 0.5],
    ]);
    const { rejected, received } = stage.intake.of(nodeName) ?? {};
    expect(rejected?.map(({ reason }) => reason)).toEqual(['zero_time', 'far_future', 'out_of_range', 'not_a_number']);
    expect(received).toBe(4 + 7);
  });

  test('a metric without a time takes that of the payload; without that, receipt, and it is counted', () => {
    stage.bearNode();
    stage.bearDevice();
    stage.nowMs = 500;
    const { timestamp_ms: _, ...untimed } = stage.temperature(1);
    stage.receive(
      'DDATA',
      encodePayload({ timestamp_ms: start + 400, seq: 2, metrics: [untimed], with_datatypes: false }),
      'm-001',
    );
    stage.receive('DDATA', encodePayload({ seq: 3, metrics: [untimed], with_datatypes: false }), 'm-001');
    expect(
      stage.intake
        .readings(nodeName)
        .slice(-2)
        .map(({ time_us }) => time_us / 1000 - start),
    ).toEqual([400, 500]);
    expect(stage.intake.of(nodeName)?.untimed).toBe(1);
  });

  test('values that cannot be stored are rejected with their reason, and the bytes are kept once', () => {
    stage.bearNode();
    stage.bearDevice();
    stage.sendData(2, [
      stage.temperature(Number.NaN),
      stage.temperature(2n ** 63n - 1n, { datatype: Datatype.Int64 }),
      { alias: 4, datatype: Datatype.Int32Array, value: [1, 2] },
      stage.temperature(22),
    ]);
    // Without a datatype in DATA, 8 bytes of Int64 are a long where the birth said Double.
    expect(stage.intake.of(nodeName)?.rejected.map(({ reason, payload }) => [reason, payload !== null])).toEqual([
      ['not_a_number', true],
      ['malformed_payload', true],
      ['malformed_payload', false],
    ]);
    const wide = { name: 'wide', alias: 9, datatype: Datatype.UInt64, value: 2n ** 63n + 1n, timestamp_ms: start };
    const list = { name: 'list', alias: 10, datatype: Datatype.Int32Array, value: [1, 2], timestamp_ms: start };
    stage.receive('DBIRTH', encodeDeviceBirth({ timestampMs: start, seq: 3, metrics: [wide, list] }), 'm-002');
    expect(
      stage.intake
        .of(nodeName)
        ?.rejected.slice(3)
        .map(({ reason, address }) => [reason, address]),
    ).toEqual([['unsupported_type', `${nodeName}/m-002/list`]]);
    expect(stage.intake.of(nodeName)?.parked.at(-1)).toMatchObject({
      address: `${nodeName}/m-002/wide`,
      text: '9223372036854775809',
    });
    expect(stage.intake.readings(nodeName).at(-1)).toMatchObject({ signal_id: 1, value: 22 });
  });

  test('a whole number beyond 2^53 is rejected, not rounded', () => {
    stage.bearNode();
    const wide = { name: 'uptime', alias: 1, datatype: Datatype.UInt64, value: 2n ** 53n + 1n, timestamp_ms: start };
    stage.receive('NBIRTH', encodeNodeBirth({ timestampMs: start, seq: 0, metrics: [wide] }, 3));
    expect(stage.intake.of(nodeName)?.rejected.map(({ reason }) => reason)).toEqual(['inexact_number']);
  });
});

describe('what a node offers to be commanded with', () => {
  const scanRate = { name: 'Node Control/Scan Rate', alias: 8, datatype: Datatype.Int32, value: 500 };

  test('is no reading, by alias or by name, and asks for no rebirth', () => {
    stage.host.connected();
    stage.receive('NBIRTH', encodeNodeBirth({ timestampMs: start, seq: 0, metrics: [scanRate] }, 3));
    const { name: _, ...byAlias } = scanRate;
    stage.sendData(1, [byAlias], '');
    const { alias: __, ...byName } = scanRate;
    stage.receive('NDATA', encodePayload({ seq: 2, metrics: [byName], with_datatypes: true }));
    stage.sendData(3, [byName], '');
    stage.pass(5000);
    expect(stage.intake.of(nodeName)).toMatchObject({ received: 0, rejected: [], parked: [] });
    expect(stage.requests).toEqual([]);
  });

  test('is no reading before a birth either', () => {
    stage.receive('NDATA', encodePayload({ seq: 2, metrics: [scanRate], with_datatypes: true }));
    expect(stage.intake.of(nodeName)).toMatchObject({ received: 0, rejected: [], parked: [] });
  });
});
