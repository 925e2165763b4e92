import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Quality } from '../../../core/reading.ts';
import { Datatype } from '../../../core/sparkplug/datatype.ts';
import { encodePayload } from '../../../core/sparkplug/encode-payload.ts';
import {
  encodeDeviceBirth,
  encodeDeviceDeath,
  encodeNodeBirth,
  encodeNodeDeath,
} from '../../../core/sparkplug/messages.ts';
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
      ['malformed_payload', false],
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

describe('deaths', () => {
  test('NDEATH marks node and devices stale at the time of receipt', () => {
    stage.bearNode();
    stage.bearDevice();
    stage.nowMs = 7000;
    stage.receive('NDEATH', encodeNodeDeath(start, 3));
    const time_us = (start + 7000) * 1000 + 1;
    expect(stage.intake.readings(nodeName).slice(-3)).toEqual(
      [3, 1, 2].map((signal_id) => ({ signal_id, time_us, value: null, quality: Quality.stale, historical: false })),
    );
    expect(stage.host.nodes.get(nodeName)?.online).toBe(false);
  });

  test('the will of an earlier session is ignored', () => {
    stage.bearNode(0, 4);
    stage.bearDevice();
    const before = stage.intake.readings(nodeName).length;
    stage.receive('NDEATH', encodeNodeDeath(start, 3));
    expect(stage.intake.readings(nodeName)).toHaveLength(before);
    expect(stage.host.nodes.get(nodeName)).toMatchObject({ online: true, counts: { ignored_deaths: 1 } });
  });

  test('DDEATH marks the device stale at the time the payload says, and its aliases are unknown from then on', () => {
    stage.host.connected();
    stage.bearNode();
    stage.bearDevice();
    stage.nowMs = 9000;
    stage.receive('DDEATH', encodeDeviceDeath(start + 8500, 2), 'm-001');
    const time_us = (start + 8500) * 1000 + 1;
    expect(stage.intake.readings(nodeName).slice(-2)).toEqual(
      [1, 2].map((signal_id) => ({ signal_id, time_us, value: null, quality: Quality.stale, historical: false })),
    );
    expect(stage.host.nodes.get(nodeName)?.online).toBe(true);
    stage.sendData(3, [stage.temperature(30)]);
    expect(stage.intake.of(nodeName)?.rejected.map(({ reason }) => reason)).toEqual(['before_birth']);
    stage.pass(1);
    expect(stage.requests).toHaveLength(1);
  });

  test('after a death a birth counts from now, though its value did not change since before', () => {
    stage.bearNode();
    stage.bearDevice();
    stage.nowMs = 5000;
    stage.receive('NDEATH', encodeNodeDeath(start, 3));
    stage.nowMs = 6000;
    stage.bearNode(0, 4);
    const unchanged = stage.temperature(20, { name: 'temperature', timestamp_ms: start });
    stage.receive('DBIRTH', encodeDeviceBirth({ timestampMs: start + 6000, seq: 1, metrics: [unchanged] }), 'm-001');
    expect(stage.intake.readings(nodeName).at(-1)).toEqual({
      signal_id: 1,
      time_us: (start + 6000) * 1000,
      value: 20,
      quality: Quality.good,
      historical: false,
    });
  });

  test.each([
    ['3 s ahead of ours', 3000, 3001],
    ['a minute ahead', 60_000, 60_001],
    ['3 s behind', -3000, 1000],
  ])('with a clock of the edge node that is %s, a death stands behind the last value', (_, aheadMs, lastMs) => {
    stage.bearNode();
    stage.bearDevice();
    stage.nowMs = 1000;
    stage.sendData(2, [stage.temperature(21, { timestamp_ms: start + aheadMs + 1 })]);
    stage.sendData(3, [stage.temperature(19, { timestamp_ms: start - 3_600_000, is_historical: true })]);
    stage.receive('NDEATH', encodeNodeDeath(start, 3));
    const time_us = (start + lastMs) * 1000 + 1;
    const temperatures = stage.intake
      .readings(nodeName)
      .filter(({ signal_id, historical }) => signal_id === 1 && !historical);
    expect(temperatures.at(-1)).toMatchObject({ time_us, value: null, quality: Quality.stale });
    // The other metrics of the node had their last value at the start, so their death is the time of receipt.
    expect(stage.intake.readings(nodeName)).toContainEqual({
      signal_id: 3,
      time_us: (start + 1000) * 1000 + 1,
      value: null,
      quality: Quality.stale,
      historical: false,
    });
  });

  test('a DDEATH in the millisecond of the last value stands behind it, and takes no reading its place', () => {
    stage.bearNode();
    stage.bearDevice();
    stage.sendData(2, [stage.temperature(21, { timestamp_ms: start + 500 })]);
    stage.receive('DDEATH', encodeDeviceDeath(start + 500, 3), 'm-001');
    const times = stage.intake.readings(nodeName).map(({ signal_id, time_us }) => `${signal_id} ${time_us}`);
    expect(new Set(times).size).toBe(times.length);
    expect(
      stage.intake
        .readings(nodeName)
        .filter(({ signal_id }) => signal_id === 1)
        .at(-1),
    ).toMatchObject({
      time_us: (start + 500) * 1000 + 1,
      quality: Quality.stale,
    });
  });

  test('a value that was rejected for its time does not move the death', () => {
    stage.bearNode();
    stage.bearDevice();
    stage.sendData(2, [stage.temperature(21, { timestamp_ms: start + 48 * 3_600_000 })]);
    stage.nowMs = 1000;
    stage.receive('NDEATH', encodeNodeDeath(start, 3));
    expect(stage.intake.readings(nodeName).at(-1)).toMatchObject({ time_us: (start + 1000) * 1000 + 1 });
  });

  test.each([
    ['with its own time', 5001, 5001_000],
    ['with the time of the message when its value did not change', 0, 6000_000],
  ])('a birth after a death of a node whose clock was ahead ends the mark %s', (_, valueMs, expectedUs) => {
    stage.bearNode();
    stage.bearDevice();
    stage.sendData(2, [stage.temperature(21, { timestamp_ms: start + 5000 })]);
    stage.receive('NDEATH', encodeNodeDeath(start, 3));
    stage.nowMs = 1000;
    stage.bearNode(0, 4);
    const born = stage.temperature(20, { name: 'temperature', timestamp_ms: start + valueMs });
    stage.receive('DBIRTH', encodeDeviceBirth({ timestampMs: start + 6000, seq: 1, metrics: [born] }), 'm-001');
    expect(stage.intake.readings(nodeName).at(-1)).toMatchObject({ value: 20, time_us: start * 1000 + expectedUs });
  });

  test('a node that comes back with a clock set right is good at once, though its death lies ahead', () => {
    stage.bearNode();
    stage.bearDevice();
    stage.sendData(2, [stage.temperature(21, { timestamp_ms: start + 5000 })]);
    stage.receive('NDEATH', encodeNodeDeath(start, 3));
    stage.nowMs = 1000;
    stage.bearNode(0, 4);
    stage.bearDevice();
    expect(
      stage.intake
        .readings(nodeName)
        .filter(({ signal_id }) => signal_id === 1)
        .at(-1),
    ).toMatchObject({
      value: 20,
      quality: Quality.good,
      time_us: (start + 5000) * 1000 + 2,
    });
  });

  test('the end of our own connection makes everything stale', () => {
    stage.bearNode();
    stage.bearDevice();
    stage.nowMs = 100;
    stage.host.disconnected();
    expect(
      stage.intake
        .readings(nodeName)
        .slice(-3)
        .map(({ quality }) => quality),
    ).toEqual([500, 500, 500]);
    expect(stage.host.nodes.get(nodeName)?.online).toBe(false);
  });
});
