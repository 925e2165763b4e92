import { generate, parser, type IConnectPacket, type IPublishPacket, type Packet } from 'mqtt-packet';
import { expect, test } from 'vitest';
import { decodePayload } from '../../core/sparkplug/decode-payload.ts';
import { createPayloadColumns } from '../../core/sparkplug/payload-columns.ts';
import { connectPacket, jsonFrames, publishPacket, sparkplugBirths, sparkplugFrames } from './frames.ts';

/** What a broker's own parser reads from the bytes. */
function parse(bytes: Buffer): Packet[] {
  const packets: Packet[] = [];
  const reading = parser();
  reading.on('packet', (packet) => packets.push(packet));
  reading.on('error', (error: Error) => {
    throw error;
  });
  reading.parse(bytes);
  return packets;
}

const node = {
  group: 'millrace-bench',
  edge: 'l01',
  devices: [
    { device: 'm01', signals: Array.from({ length: 50 }, (_, index) => `s${index}`) },
    { device: 'm02', signals: Array.from({ length: 90 }, (_, index) => `s${index}`) },
  ],
};
const timeMs = 1_795_000_000_123;

test('CONNECT and PUBLISH are what the usual encoder makes', () => {
  const will = { topic: 'a/b', payload: Buffer.from('gone') };
  const [connect] = parse(connectPacket('bench', will)) as IConnectPacket[];
  expect(connect).toMatchObject({
    cmd: 'connect',
    clientId: 'bench',
    clean: true,
    protocolVersion: 4,
    will: { topic: 'a/b', qos: 1, retain: false },
  });
  const payload = Buffer.alloc(300, 7);
  expect(publishPacket('a/b/c', payload, 0)).toEqual(
    generate({ cmd: 'publish', topic: 'a/b/c', payload, qos: 0, dup: false, retain: false }),
  );
});

test('JSON: every message has its topic, its packet id, the time and its value', () => {
  let id = 65_534;
  const frames = jsonFrames(
    ['millrace/bench/l01/m01/s01', 'millrace/bench/l01/m01/s02', 'x'],
    () => (id = (id % 65_535) + 1),
  );
  const target = Buffer.alloc(frames.bytes + 3);
  frames.fill(target, 3, timeMs, Int32Array.of(0, 10_000, 99_999, 54_321), 1);
  const packets = parse(target.subarray(3)) as IPublishPacket[];
  expect(packets.map(({ messageId }) => messageId)).toEqual([65_535, 1, 2]);
  expect(packets.map(({ topic }) => topic)).toEqual(['millrace/bench/l01/m01/s01', 'millrace/bench/l01/m01/s02', 'x']);
  expect(packets.map(({ payload }) => JSON.parse(payload.toString()) as unknown)).toEqual([
    { ts: timeMs, value: 100 },
    { ts: timeMs, value: 999.99 },
    { ts: timeMs, value: 543.21 },
  ]);
  expect(frames).toMatchObject({ messages: 3, readings: 3 });
});

test('Sparkplug: our own codec reads births and data, over the turn of the sequence', () => {
  const { births } = sparkplugBirths(node, timeMs);
  const born = parse(births) as IPublishPacket[];
  expect(born.map(({ topic }) => topic)).toEqual([
    'spBv1.0/millrace-bench/NBIRTH/l01',
    'spBv1.0/millrace-bench/DBIRTH/l01/m01',
    'spBv1.0/millrace-bench/DBIRTH/l01/m02',
  ]);
  let seq = 253;
  const frames = sparkplugFrames(node, () => (seq = (seq + 1) % 256));
  const hundredths = Int32Array.from({ length: 140 }, (_, index) => 10_000 + index * 101);
  const target = Buffer.alloc(frames.bytes);
  const columns = createPayloadColumns();
  const seen: number[] = [];
  const read: [alias: number, time: number, value: number][] = [];
  for (let tick = 0; tick < 2; tick++) {
    frames.fill(target, 0, timeMs + tick, hundredths, 0);
    for (const { payload } of parse(target) as IPublishPacket[]) {
      expect(decodePayload(payload as Buffer, columns)).toBeNull();
      expect(columns.timestamp_ms).toBe(timeMs + tick);
      seen.push(columns.seq);
      for (let row = 0; row < columns.length; row++) {
        read.push([columns.alias[row] ?? 0, columns.time_ms[row] ?? 0, columns.number[row] ?? 0]);
      }
    }
  }
  const expected = [0, 1].flatMap((tick) =>
    [...hundredths].map((value, index) => [index + 1, timeMs + tick, value / 100]),
  );
  expect(read).toEqual(expected);
  expect(seen).toEqual([254, 255, 0, 1]);
  expect(frames).toMatchObject({ messages: 2, readings: 140 });
});
