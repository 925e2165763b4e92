import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Quality } from '../../../core/reading.ts';
import { encodeDeviceBirth, encodeDeviceDeath, encodeNodeDeath } from '../../../core/sparkplug/messages.ts';
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
