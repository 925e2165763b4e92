import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Datatype } from '../../../core/sparkplug/datatype.ts';
import { encodePayload, type MetricToWrite } from '../../../core/sparkplug/encode-payload.ts';
import { encodeData, encodeDeviceBirth, encodeNodeBirth, encodeNodeDeath } from '../../../core/sparkplug/messages.ts';
import { type HostStage, nodeName, setHostStage, start, topicOf } from '../testing/host-stage.ts';

let stage: HostStage;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  stage = await setHostStage();
});

afterEach(() => {
  stage.host.close();
  vi.useRealTimers();
});

describe('sequence and rebirth', () => {
  test('DATA before any birth asks for one at once, and keeps the message', () => {
    stage.host.connected();
    stage.pass(30);
    stage.sendData(17, [stage.temperature(1), stage.temperature(2)]);
    expect(stage.intake.of(nodeName)).toMatchObject({ received: 1, rejected: [{ reason: 'before_birth' }] });
    stage.pass(2);
    expect(stage.requests).toEqual([{ at: 31, node: nodeName }]);
  });

  test('DATA that says nodeName and datatype itself is stored without a birth', () => {
    const named = stage.temperature(1, { name: 'temperature' });
    stage.receive('DDATA', encodePayload({ seq: 9, metrics: [named], with_datatypes: true }), 'm-001');
    expect(stage.intake.readings(nodeName)).toMatchObject([{ signal_id: 1, value: 1 }]);
    expect(stage.intake.of(nodeName)?.rejected).toEqual([]);
  });

  test('an unknown alias, and an alias of another device, are rejected and ask for a rebirth', () => {
    stage.host.connected();
    stage.bearNode();
    stage.bearDevice();
    stage.sendData(2, [stage.temperature(1, { alias: 99 }), stage.temperature(2)]);
    expect(stage.intake.of(nodeName)?.rejected).toMatchObject([
      { reason: 'before_birth', address: `${nodeName}/m-001/alias 99` },
    ]);
    expect(stage.intake.readings(nodeName).at(-1)).toMatchObject({ value: 2 });
    stage.pass(2);
    expect(stage.requests).toHaveLength(1);
    stage.sendData(3, [{ alias: 1, datatype: Datatype.UInt32, value: 1 }]);
    expect(stage.intake.of(nodeName)?.rejected).toHaveLength(2);
  });

  test('what has a name before its birth keeps value, time and quality for a replay, where the value is certain', () => {
    stage.host.connected();
    const named = (name: string, datatype: number, value: MetricToWrite['value'], more: Partial<MetricToWrite> = {}) =>
      stage.temperature(value, { name, datatype, ...more });
    const metrics = [
      named('a', Datatype.Double, 1.5, { quality: 500 }),
      named('b', Datatype.String, 'PN-1'),
      named('c', Datatype.Double, null),
      named('d', Datatype.UInt32, 100),
      named('e', Datatype.UInt64, 2n ** 60n),
      // 200 is -56 where it was meant as Int8.
      named('f', Datatype.UInt32, 200),
      stage.temperature(2),
    ];
    stage.receive('DDATA', encodePayload({ seq: 7, metrics, with_datatypes: false }), 'm-001');
    // Names without datatypes; a birth has both, and comes before that of its node.
    stage.receive('DBIRTH', encodeDeviceBirth({ timestampMs: start, seq: 8, metrics: metrics.slice(0, 6) }), 'm-001');
    const kept = stage.intake.of(nodeName)?.rejected.map((row) => {
      const scalar = row.quality === undefined ? null : row.payload?.toString();
      return [row.address.split('/').at(-1), scalar ?? row.value, row.quality, row.time_us / 1000 - start];
    });
    const certain = [
      ['a', 1.5, 500, 0],
      ['b', '"PN-1"', 192, 0],
      ['c', 'null', 0, 0],
      ['d', 100, 192, 0],
      ['e', '1152921504606846976', 192, 0],
    ];
    expect(kept).toEqual([...certain, ['', Number.NaN, undefined, Number.NaN], ...certain, ['f', 200, 192, 0]]);
    expect(stage.intake.of(nodeName)).toMatchObject({ received: 12, untimed: 0 });
    expect(stage.intake.of(nodeName)?.rejected[5]).toMatchObject({
      payload: expect.any(Buffer),
      detail: expect.stringContaining('2 of 7 metrics'),
    });
  });

  test('a node that does not answer with its birth costs one row a message at last, until it does', () => {
    stage.host.connected();
    const many = (length: number): MetricToWrite[] =>
      Array.from({ length }, (_, index) => stage.temperature(1.5, { name: `n${index}` }));
    const rowsOf = (send: () => void): number => {
      const before = stage.intake.of(nodeName)?.rejected.length ?? 0;
      send();
      return (stage.intake.of(nodeName)?.rejected.length ?? 0) - before;
    };
    const data = encodePayload({ seq: 7, metrics: many(1500), with_datatypes: false });
    const birth = encodeDeviceBirth({ timestampMs: start, seq: 8, metrics: many(1500) });
    const sendData = () => rowsOf(() => stage.receive('DDATA', data, 'm-001'));
    const sendBirth = () => rowsOf(() => stage.receive('DBIRTH', birth, 'm-001'));
    expect([sendData(), sendBirth(), sendData()]).toEqual([1001, 1001, 1001]);
    for (let message = 3; message < 10; message++) sendBirth();
    expect([sendBirth(), sendData()]).toEqual([1, 1]);
    expect(stage.intake.of(nodeName)?.rejected.at(-1)).toMatchObject({
      payload: data,
      detail: expect.stringContaining('1500 of 1500 metrics'),
    });
    stage.bearNode();
    stage.bearDevice();
    const unknown = Array.from({ length: 1500 }, () => stage.temperature(1, { alias: 99 }));
    expect(rowsOf(() => stage.sendData(2, unknown))).toBe(1001);
  });

  test('so many metrics of a message are tried before its birth, whether they can be told or not', () => {
    stage.host.connected();
    const uncertain = Array.from({ length: 1000 }, (_, index) =>
      stage.temperature(200, { name: `n${index}`, datatype: Datatype.UInt32 }),
    );
    const metrics = [...uncertain, stage.temperature(1.5, { name: 'certain' })];
    stage.receive('DDATA', encodePayload({ seq: 7, metrics, with_datatypes: false }), 'm-001');
    expect(stage.intake.of(nodeName)?.rejected).toMatchObject([
      { detail: expect.stringContaining('1001 of 1001 metrics'), payload: expect.any(Buffer) },
    ]);
  });

  test('a text too long to be kept with its row before a birth stands in the bytes of the message', () => {
    stage.host.connected();
    const metrics = [stage.temperature('x'.repeat(1025), { name: 'a', datatype: Datatype.String })];
    const bytes = encodePayload({ seq: 7, metrics, with_datatypes: false });
    stage.receive('DDATA', bytes, 'm-001');
    stage.receive('DBIRTH', encodeDeviceBirth({ timestampMs: start, seq: 8, metrics }), 'm-001');
    const rejected = stage.intake.of(nodeName)?.rejected;
    expect(rejected).toMatchObject([{ payload: bytes }, { payload: expect.any(Buffer) }]);
  });

  test('a gap that fills in time is no loss; data out of order are stored', () => {
    stage.host.connected();
    stage.bearNode();
    stage.bearDevice();
    stage.sendData(3, [stage.temperature(3)]);
    stage.pass(1900);
    stage.sendData(2, [stage.temperature(2)]);
    stage.pass(5000);
    expect(
      stage.intake
        .readings(nodeName)
        .slice(-2)
        .map(({ value }) => value),
    ).toEqual([3, 2]);
    expect([stage.intake.of(nodeName)?.lost_upstream, stage.requests]).toEqual([0, []]);
    expect(stage.host.nodes.get(nodeName)?.counts.reordered_messages).toBe(1);
  });

  test('a gap that stays open is counted and asks for a rebirth, not more often than allowed', () => {
    stage.host.connected();
    stage.bearNode();
    stage.bearDevice();
    stage.sendData(5, [stage.temperature(3)]);
    stage.pass(1999);
    expect(stage.requests).toEqual([]);
    stage.pass(3);
    expect(stage.requests).toEqual([{ at: 2001, node: nodeName }]);
    expect(stage.intake.of(nodeName)?.lost_upstream).toBe(3);
    // The node does not answer and loses more: the next stage.requests wait 5, 10 and 20 s.
    for (let seq = 7; seq < 47; seq += 2) {
      stage.sendData(seq, [stage.temperature(1)]);
      stage.pass(2500);
    }
    expect(stage.requests.map(({ at }) => Math.floor(at / 1000))).toEqual([2, 7, 17, 37]);
    expect(stage.intake.of(nodeName)?.lost_upstream).toBe(23);
  });

  test('a rebirth heals: same session, new count', () => {
    stage.host.connected();
    stage.bearNode();
    stage.bearDevice();
    stage.sendData(9, [stage.temperature(3)]);
    stage.pass(2002);
    stage.bearNode(0, 3);
    stage.bearDevice(1);
    stage.sendData(2, [stage.temperature(4)]);
    stage.pass(10_000);
    expect(stage.requests).toHaveLength(1);
    expect(stage.intake.of(nodeName)?.lost_upstream).toBe(7);
  });

  test('at the start the nodes of the plant are asked one after the other, unless they are born by themselves', async () => {
    const sources = Array.from({ length: 30 }, (_, index) => ({
      signal_id: index + 1,
      protocol: 'sparkplug' as const,
      address: `millrace-pune/line-${index}/m/temperature`,
    }));
    stage = await setHostStage(sources);
    stage.host.connected();
    stage.pass(100);
    stage.host.receive(
      'spBv1.0/millrace-pune/NBIRTH/line-7',
      encodeNodeBirth({ timestampMs: start, seq: 0, metrics: [] }, 0),
      false,
    );
    stage.pass(4000);
    expect(stage.requests).toHaveLength(29);
    expect(stage.requests.map(({ node }) => node)).not.toContain('millrace-pune/line-7');
    expect(stage.requests[0]?.at).toBeGreaterThanOrEqual(2000);
    for (const [index, { at }] of stage.requests.entries()) {
      expect(at - (stage.requests[index - 1]?.at ?? 0)).toBeGreaterThanOrEqual(20);
    }
  });

  test('without a connection nothing is asked for', () => {
    stage.sendData(17, [stage.temperature(1)]);
    stage.pass(10_000);
    expect(stage.requests).toEqual([]);
  });
});

describe('data that overtake the birth they need', () => {
  const values = () => stage.intake.readings(nodeName).map(({ signal_id, value }) => [signal_id, value]);

  beforeEach(() => {
    stage.host.connected();
    stage.bearNode();
  });

  test('wait for the birth of their device, and no rebirth is asked for', () => {
    stage.sendData(2, [stage.temperature(21)]);
    stage.sendData(3, [stage.temperature(22, { timestamp_ms: start + 1 })]);
    expect(stage.intake.of(nodeName)).toMatchObject({ received: 1, rejected: [] });
    stage.pass(1900);
    stage.bearDevice(1);
    expect(values().slice(-2)).toEqual([
      [1, 21],
      [1, 22],
    ]);
    stage.pass(10_000);
    expect([stage.intake.of(nodeName)?.rejected, stage.intake.of(nodeName)?.lost_upstream, stage.requests]).toEqual([
      [],
      0,
      [],
    ]);
  });

  test('wait when an alias is not known yet; what is known is stored at once', () => {
    stage.bearDevice(1);
    const speed = stage.temperature(7, { alias: 9 });
    stage.sendData(3, [stage.temperature(21), speed]);
    stage.sendData(4, [stage.temperature(22)]);
    expect(values().at(-1)).toEqual([1, 22]);
    const born = { ...speed, name: 'speed' };
    stage.receive('DBIRTH', encodeDeviceBirth({ timestampMs: start, seq: 2, metrics: [born] }), 'm-001');
    stage.pass(5000);
    expect(values().at(-1)).toEqual([1, 21]);
    expect(stage.intake.of(nodeName)).toMatchObject({ lost_upstream: 0, rejected: [] });
    expect(stage.intake.of(nodeName)?.parked.map(({ address }) => address)).toEqual([
      `${nodeName}/m-001/colour`,
      `${nodeName}/m-001/speed`,
      `${nodeName}/m-001/speed`,
    ]);
    expect(stage.requests).toEqual([]);
  });

  test('are rejected with their bytes when the birth has not come in time', () => {
    stage.sendData(2, [stage.temperature(21)]);
    stage.pass(2002);
    expect(stage.intake.of(nodeName)).toMatchObject({
      lost_upstream: 1,
      rejected: [{ reason: 'before_birth', payload: expect.any(Buffer) }],
    });
    expect(stage.requests).toEqual([{ at: 2001, node: nodeName }]);
  });

  test.each<[string, () => void]>([
    ['the node dies', () => stage.receive('NDEATH', encodeNodeDeath(start, 3))],
    ['the node is born anew', () => stage.bearNode(0, 4)],
    ['our connection ends', () => stage.host.disconnected()],
    ['ingest ends', () => stage.host.close()],
  ])('are rejected with their bytes when %s meanwhile', (_, end) => {
    stage.sendData(2, [stage.temperature(21)]);
    end();
    expect(stage.intake.of(nodeName)).toMatchObject({ rejected: [{ reason: 'before_birth' }] });
    stage.pass(5000);
    expect(stage.intake.of(nodeName)?.rejected).toHaveLength(1);
  });

  test('fill no memory', () => {
    const bytes = encodeData({
      timestampMs: start,
      seq: 2,
      metrics: [stage.temperature('x'.repeat(1_000_000), { datatype: Datatype.String })],
    });
    for (let message = 0; message < 40; message++) stage.receive('DDATA', bytes, 'm-001');
    const rejected = stage.intake.of(nodeName)?.rejected.length ?? 0;
    expect(rejected).toBeGreaterThan(5);
    expect(rejected).toBeLessThan(20);
    stage.pass(2002);
    expect(stage.intake.of(nodeName)?.rejected).toHaveLength(40);
  });
});

describe('foreign and hostile messages', () => {
  test('bytes that are no payload are rejected with the bytes', () => {
    const bytes = Buffer.from('not a Sparkplug payload');
    stage.receive('DDATA', bytes, 'm-001');
    expect(stage.intake.of(nodeName)).toMatchObject({
      received: 1,
      rejected: [{ reason: 'malformed_payload', payload: bytes }],
    });
  });

  test('commands, STATE of others and foreign topics are none of ours', () => {
    for (const topic of [topicOf('NCMD'), topicOf('DCMD', 'm-001'), 'spBv1.0/STATE/other', 'spBv1.0/g/NDATA/e/d/x']) {
      stage.host.receive(topic, encodeNodeDeath(start, 1), false);
    }
    expect(stage.host.nodes.size).toBe(0);
  });

  test('a retained birth is of unknown age and is not believed', () => {
    stage.host.receive(topicOf('NBIRTH'), encodeNodeBirth({ timestampMs: start, seq: 0, metrics: [] }, 0), true);
    expect([stage.host.nodes.size, stage.host.ignoredRetained]).toEqual([0, 1]);
  });

  test('an edge node whose name no index holds is rejected under a shared source', () => {
    const bytes = encodeData({ timestampMs: start, seq: 1, metrics: [stage.temperature(1)] });
    for (const group of ['f'.repeat(6000), '漢'.repeat(200), 'a\u0000b'])
      stage.host.receive(`spBv1.0/${group}/NDATA/e`, bytes, false);
    expect(stage.host.nodes.size).toBe(0);
    const { rejected = [] } = stage.intake.of('(other edge nodes)') ?? {};
    expect(rejected.map(({ reason }) => reason)).toEqual(['wrong_topic', 'wrong_topic', 'wrong_topic']);
  });

  test('a flood of edge nodes fills no memory', () => {
    const bytes = encodeData({ timestampMs: start, seq: 1, metrics: [stage.temperature(1)] });
    for (let node = 0; node < 12_000; node++) stage.host.receive(`spBv1.0/flood/NDATA/${node}`, bytes, false);
    expect(stage.host.nodes.size).toBe(10_000);
    expect(stage.intake.of('(other edge nodes)')?.received).toBe(2000);
  });
});
