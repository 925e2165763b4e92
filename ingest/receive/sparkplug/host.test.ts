import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Quality } from '../../../core/reading.ts';
import { Datatype } from '../../../core/sparkplug/datatype.ts';
import { encodePayload, type MetricToWrite } from '../../../core/sparkplug/encode-payload.ts';
import {
  encodeData,
  encodeDeviceBirth,
  encodeDeviceDeath,
  encodeNodeBirth,
  encodeNodeDeath,
} from '../../../core/sparkplug/messages.ts';
import { type CollectingIntake, collectIntake, registerSignals } from '../testing/collecting-intake.ts';
import { createHost, type Host } from './host.ts';

// One edge node "line-01" of group "millrace-berlin" with one device "m-001"; temperature and order are mapped,
// and so is the node's own metric "uptime". Everything else is unknown to the plant.
const name = 'millrace-berlin/line-01';
const topicOf = (verb: string, device = '') =>
  `spBv1.0/millrace-berlin/${verb}/line-01${device === '' ? '' : `/${device}`}`;
const start = Date.UTC(2026, 0, 5);

let intake: CollectingIntake;
let host: Host;
let nowMs = 0;
let requests: { at: number; node: string }[] = [];

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  intake = collectIntake();
  nowMs = 0;
  requests = [];
  host = createHost({
    intake,
    registry: await registerSignals([
      { signal_id: 1, protocol: 'sparkplug', address: `${name}/m-001/temperature` },
      { signal_id: 2, protocol: 'sparkplug', address: `${name}/m-001/order`, kind: 'order' },
      { signal_id: 3, protocol: 'sparkplug', address: `${name}//uptime`, kind: 'counter' },
    ]),
    clock: () => start + nowMs,
    monotonic: () => nowMs,
    reorderMs: 2000,
    rebirthMs: 5000,
    spacingMs: 20,
    sendRebirthRequest: (group, edge) => requests.push({ at: nowMs, node: `${group}/${edge}` }),
  });
});

afterEach(() => {
  host.close();
  vi.useRealTimers();
  expect(intake.open_messages).toBe(0);
});

/** Lets `ms` pass, timers included. */
function pass(ms: number): void {
  const end = nowMs + ms;
  while (nowMs < end) {
    nowMs++;
    vi.advanceTimersByTime(1);
  }
}

const receive = (verb: string, bytes: Buffer, device = '') => host.receive(topicOf(verb, device), bytes, false);
const temperature = (value: MetricToWrite['value'], more: Partial<MetricToWrite> = {}): MetricToWrite => ({
  alias: 2,
  timestamp_ms: start + nowMs,
  datatype: Datatype.Double,
  value,
  ...more,
});

function bearNode(seq = 0, bdSeq = 3): void {
  const uptime = { name: 'uptime', alias: 1, timestamp_ms: start + nowMs, datatype: Datatype.UInt32, value: 60 };
  receive('NBIRTH', encodeNodeBirth({ timestampMs: start + nowMs, seq, metrics: [uptime] }, bdSeq));
}

function bearDevice(seq = 1): void {
  const metrics = [
    temperature(20, { name: 'temperature' }),
    { name: 'order', alias: 3, timestamp_ms: start + nowMs, datatype: Datatype.String, value: 'P-100' },
    { name: 'colour', alias: 4, timestamp_ms: start + nowMs, datatype: Datatype.Int16, value: 7 },
  ];
  receive('DBIRTH', encodeDeviceBirth({ timestampMs: start + nowMs, seq, metrics }), 'm-001');
}

function sendData(seq: number, metrics: MetricToWrite[], device = 'm-001'): void {
  receive(device === '' ? 'NDATA' : 'DDATA', encodeData({ timestampMs: start + nowMs, seq, metrics }), device);
}

describe('births and data', () => {
  test('a birth gives values, and DATA by alias takes name and datatype from it', () => {
    bearNode();
    bearDevice();
    nowMs = 1000;
    sendData(2, [temperature(21.5)]);
    sendData(3, [{ alias: 1, timestamp_ms: start + 1000, datatype: Datatype.UInt32, value: 61 }], '');
    const us = start * 1000;
    expect(intake.readings(name)).toEqual([
      { signal_id: 3, time_us: us, value: 60, quality: Quality.good, historical: false },
      { signal_id: 1, time_us: us, value: 20, quality: Quality.good, historical: false },
      { signal_id: 1, time_us: us + 1_000_000, value: 21.5, quality: Quality.good, historical: false },
      { signal_id: 3, time_us: us + 1_000_000, value: 61, quality: Quality.good, historical: false },
    ]);
    const { texts, parked, received, rejected } = intake.of(name) ?? {};
    expect(texts).toEqual([{ signal_id: 2, time_us: us, text: 'P-100', quality: Quality.good, historical: false }]);
    expect(parked).toEqual([
      { address: `${name}/m-001/colour`, time_us: us, value: 7, text: null, quality: Quality.good },
    ]);
    expect([received, rejected, requests]).toEqual([6, [], []]);
  });

  test('flags: historical is kept apart, transient is not stored, null is bad, Quality is ours', () => {
    bearNode();
    bearDevice();
    sendData(2, [
      temperature(1, { timestamp_ms: start - 60_000, is_historical: true }),
      temperature(2, { is_transient: true }),
      temperature(null, { timestamp_ms: start + 1 }),
      temperature(3, { timestamp_ms: start + 2, quality: 0 }),
      temperature(4, { timestamp_ms: start + 3, quality: 500 }),
      temperature(5, { timestamp_ms: start + 4, quality: 64 }),
    ]);
    const temperatures = intake.readings(name).filter(({ signal_id, value }) => signal_id === 1 && value !== 20);
    expect(temperatures.map(({ value, quality, historical }) => [value, quality, historical])).toEqual([
      [null, Quality.bad, false],
      [3, Quality.bad, false],
      [4, Quality.stale, false],
      [5, Quality.uncertain, false],
      [1, Quality.good, true],
    ]);
    expect(host.nodes.get(name)?.counts.transient_metrics).toBe(1);
    expect(intake.of(name)?.received).toBe(4 + 5);
  });

  test('a metric without a time takes that of the payload; without that, receipt, and it is counted', () => {
    bearNode();
    bearDevice();
    nowMs = 500;
    const { timestamp_ms: _, ...untimed } = temperature(1);
    receive(
      'DDATA',
      encodePayload({ timestamp_ms: start + 400, seq: 2, metrics: [untimed], with_datatypes: false }),
      'm-001',
    );
    receive('DDATA', encodePayload({ seq: 3, metrics: [untimed], with_datatypes: false }), 'm-001');
    expect(
      intake
        .readings(name)
        .slice(-2)
        .map(({ time_us }) => time_us / 1000 - start),
    ).toEqual([400, 500]);
    expect(intake.of(name)?.untimed).toBe(1);
  });

  test('values that cannot be stored are rejected with their reason, and the bytes are kept once', () => {
    bearNode();
    bearDevice();
    sendData(2, [
      temperature(Number.NaN),
      temperature(2n ** 63n - 1n, { datatype: Datatype.Int64 }),
      { alias: 4, datatype: Datatype.Int32Array, value: [1, 2] },
      temperature(22),
    ]);
    // Without a datatype in DATA, 8 bytes of Int64 are a long where the birth said Double.
    expect(intake.of(name)?.rejected.map(({ reason, payload }) => [reason, payload !== null])).toEqual([
      ['not_a_number', true],
      ['malformed_payload', false],
      ['malformed_payload', false],
    ]);
    const wide = { name: 'wide', alias: 9, datatype: Datatype.UInt64, value: 2n ** 63n + 1n, timestamp_ms: start };
    const list = { name: 'list', alias: 10, datatype: Datatype.Int32Array, value: [1, 2], timestamp_ms: start };
    receive('DBIRTH', encodeDeviceBirth({ timestampMs: start, seq: 3, metrics: [wide, list] }), 'm-002');
    expect(
      intake
        .of(name)
        ?.rejected.slice(3)
        .map(({ reason, address }) => [reason, address]),
    ).toEqual([['unsupported_type', `${name}/m-002/list`]]);
    expect(intake.of(name)?.parked.at(-1)).toMatchObject({
      address: `${name}/m-002/wide`,
      text: '9223372036854775809',
    });
    expect(intake.readings(name).at(-1)).toMatchObject({ signal_id: 1, value: 22 });
  });

  test('a whole number beyond 2^53 is rejected, not rounded', () => {
    bearNode();
    const wide = { name: 'uptime', alias: 1, datatype: Datatype.UInt64, value: 2n ** 53n + 1n, timestamp_ms: start };
    receive('NBIRTH', encodeNodeBirth({ timestampMs: start, seq: 0, metrics: [wide] }, 3));
    expect(intake.of(name)?.rejected.map(({ reason }) => reason)).toEqual(['inexact_number']);
  });
});

describe('deaths', () => {
  test('NDEATH marks node and devices stale at the time of receipt', () => {
    bearNode();
    bearDevice();
    nowMs = 7000;
    receive('NDEATH', encodeNodeDeath(start, 3));
    const time_us = (start + 7000) * 1000;
    expect(intake.readings(name).slice(-3)).toEqual(
      [3, 1, 2].map((signal_id) => ({ signal_id, time_us, value: null, quality: Quality.stale, historical: false })),
    );
    expect(host.nodes.get(name)?.online).toBe(false);
  });

  test('the will of an earlier session is ignored', () => {
    bearNode(0, 4);
    bearDevice();
    const before = intake.readings(name).length;
    receive('NDEATH', encodeNodeDeath(start, 3));
    expect(intake.readings(name)).toHaveLength(before);
    expect(host.nodes.get(name)).toMatchObject({ online: true, counts: { ignored_deaths: 1 } });
  });

  test('DDEATH marks the device stale at the time the payload says, and its aliases are unknown from then on', () => {
    host.connected();
    bearNode();
    bearDevice();
    nowMs = 9000;
    receive('DDEATH', encodeDeviceDeath(start + 8500, 2), 'm-001');
    const time_us = (start + 8500) * 1000;
    expect(intake.readings(name).slice(-2)).toEqual(
      [1, 2].map((signal_id) => ({ signal_id, time_us, value: null, quality: Quality.stale, historical: false })),
    );
    expect(host.nodes.get(name)?.online).toBe(true);
    sendData(3, [temperature(30)]);
    expect(intake.of(name)?.rejected.map(({ reason }) => reason)).toEqual(['before_birth']);
    pass(1);
    expect(requests).toHaveLength(1);
  });

  test('after a death a birth counts from now, though its value did not change since before', () => {
    bearNode();
    bearDevice();
    nowMs = 5000;
    receive('NDEATH', encodeNodeDeath(start, 3));
    nowMs = 6000;
    bearNode(0, 4);
    const unchanged = temperature(20, { name: 'temperature', timestamp_ms: start });
    receive('DBIRTH', encodeDeviceBirth({ timestampMs: start + 6000, seq: 1, metrics: [unchanged] }), 'm-001');
    expect(intake.readings(name).at(-1)).toEqual({
      signal_id: 1,
      time_us: (start + 6000) * 1000,
      value: 20,
      quality: Quality.good,
      historical: false,
    });
  });

  test('the end of our own connection makes everything stale', () => {
    bearNode();
    bearDevice();
    nowMs = 100;
    host.disconnected();
    expect(
      intake
        .readings(name)
        .slice(-3)
        .map(({ quality }) => quality),
    ).toEqual([500, 500, 500]);
    expect(host.nodes.get(name)?.online).toBe(false);
  });
});

describe('sequence and rebirth', () => {
  test('DATA before any birth asks for one at once, and keeps the message', () => {
    host.connected();
    pass(30);
    sendData(17, [temperature(1), temperature(2)]);
    expect(intake.of(name)).toMatchObject({ received: 1, rejected: [{ reason: 'before_birth' }] });
    pass(2);
    expect(requests).toEqual([{ at: 31, node: name }]);
  });

  test('DATA that says name and datatype itself is stored without a birth', () => {
    const named = temperature(1, { name: 'temperature' });
    receive('DDATA', encodePayload({ seq: 9, metrics: [named], with_datatypes: true }), 'm-001');
    expect(intake.readings(name)).toMatchObject([{ signal_id: 1, value: 1 }]);
    expect(intake.of(name)?.rejected).toEqual([]);
  });

  test('an unknown alias, and an alias of another device, are rejected and ask for a rebirth', () => {
    host.connected();
    bearNode();
    bearDevice();
    sendData(2, [temperature(1, { alias: 99 }), temperature(2)]);
    expect(intake.of(name)?.rejected).toMatchObject([{ reason: 'before_birth', address: `${name}/m-001/alias 99` }]);
    expect(intake.readings(name).at(-1)).toMatchObject({ value: 2 });
    pass(2);
    expect(requests).toHaveLength(1);
    sendData(3, [{ alias: 1, datatype: Datatype.UInt32, value: 1 }]);
    expect(intake.of(name)?.rejected).toHaveLength(2);
  });

  test('a gap that fills in time is no loss; data out of order are stored', () => {
    host.connected();
    bearNode();
    bearDevice();
    sendData(3, [temperature(3)]);
    pass(1900);
    sendData(2, [temperature(2)]);
    pass(5000);
    expect(
      intake
        .readings(name)
        .slice(-2)
        .map(({ value }) => value),
    ).toEqual([3, 2]);
    expect([intake.of(name)?.lost_upstream, requests]).toEqual([0, []]);
    expect(host.nodes.get(name)?.counts.reordered_messages).toBe(1);
  });

  test('a gap that stays open is counted and asks for a rebirth, not more often than allowed', () => {
    host.connected();
    bearNode();
    bearDevice();
    sendData(5, [temperature(3)]);
    pass(1999);
    expect(requests).toEqual([]);
    pass(3);
    expect(requests).toEqual([{ at: 2001, node: name }]);
    expect(intake.of(name)?.lost_upstream).toBe(3);
    // The node does not answer and loses more: the next requests wait 5, 10 and 20 s.
    for (let seq = 7; seq < 47; seq += 2) {
      sendData(seq, [temperature(1)]);
      pass(2500);
    }
    expect(requests.map(({ at }) => Math.floor(at / 1000))).toEqual([2, 7, 17, 37]);
    expect(intake.of(name)?.lost_upstream).toBe(23);
  });

  test('a rebirth heals: same session, new count', () => {
    host.connected();
    bearNode();
    bearDevice();
    sendData(9, [temperature(3)]);
    pass(2002);
    bearNode(0, 3);
    bearDevice(1);
    sendData(2, [temperature(4)]);
    pass(10_000);
    expect(requests).toHaveLength(1);
    expect(intake.of(name)?.lost_upstream).toBe(7);
  });

  test('at the start the nodes of the plant are asked one after the other, unless they are born by themselves', async () => {
    const sources = Array.from({ length: 30 }, (_, index) => ({
      signal_id: index + 1,
      protocol: 'sparkplug' as const,
      address: `millrace-pune/line-${index}/m/temperature`,
    }));
    host.close();
    host = createHost({
      intake,
      registry: await registerSignals(sources),
      clock: () => start + nowMs,
      monotonic: () => nowMs,
      reorderMs: 2000,
      rebirthMs: 5000,
      spacingMs: 20,
      sendRebirthRequest: (group, edge) => requests.push({ at: nowMs, node: `${group}/${edge}` }),
    });
    host.connected();
    pass(100);
    host.receive(
      'spBv1.0/millrace-pune/NBIRTH/line-7',
      encodeNodeBirth({ timestampMs: start, seq: 0, metrics: [] }, 0),
      false,
    );
    pass(4000);
    expect(requests).toHaveLength(29);
    expect(requests.map(({ node }) => node)).not.toContain('millrace-pune/line-7');
    expect(requests[0]?.at).toBeGreaterThanOrEqual(2000);
    for (const [index, { at }] of requests.entries()) {
      expect(at - (requests[index - 1]?.at ?? 0)).toBeGreaterThanOrEqual(20);
    }
  });

  test('without a connection nothing is asked for', () => {
    sendData(17, [temperature(1)]);
    pass(10_000);
    expect(requests).toEqual([]);
  });
});

describe('foreign and hostile messages', () => {
  test('bytes that are no payload are rejected with the bytes', () => {
    const bytes = Buffer.from('not a Sparkplug payload');
    receive('DDATA', bytes, 'm-001');
    expect(intake.of(name)).toMatchObject({ received: 1, rejected: [{ reason: 'malformed_payload', payload: bytes }] });
  });

  test('commands, STATE of others and foreign topics are none of ours', () => {
    for (const topic of [topicOf('NCMD'), topicOf('DCMD', 'm-001'), 'spBv1.0/STATE/other', 'spBv1.0/g/NDATA/e/d/x']) {
      host.receive(topic, encodeNodeDeath(start, 1), false);
    }
    expect(host.nodes.size).toBe(0);
  });

  test('a retained birth is of unknown age and is not believed', () => {
    host.receive(topicOf('NBIRTH'), encodeNodeBirth({ timestampMs: start, seq: 0, metrics: [] }, 0), true);
    expect([host.nodes.size, host.ignoredRetained]).toEqual([0, 1]);
  });

  test('a flood of edge nodes fills no memory', () => {
    const bytes = encodeData({ timestampMs: start, seq: 1, metrics: [temperature(1)] });
    for (let node = 0; node < 12_000; node++) host.receive(`spBv1.0/flood/NDATA/${node}`, bytes, false);
    expect(host.nodes.size).toBe(10_000);
    expect(intake.of('(other edge nodes)')?.received).toBe(2000);
  });
});
