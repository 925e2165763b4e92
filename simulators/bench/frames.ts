import { Datatype } from '../../core/sparkplug/datatype.ts';
import { encodeDeviceBirth, encodeNodeBirth, encodeNodeDeath } from '../../core/sparkplug/messages.ts';
import { formatTopic } from '../../core/sparkplug/topic.ts';

/**
 * The messages of one tick on one connection, encoded once; `fill` writes the tick's time and values into a copy of them.
 * Encoding anew would cost the publisher more than the gateway pays to read it.
 */
export interface Frames {
  bytes: number;
  messages: number;
  readings: number;
  /** Copies the frames into `target` at `offset`, for the tick at `timeMs`; `hundredths` from `first` on are the values. */
  fill(target: Buffer, offset: number, timeMs: number, hundredths: Int32Array, first: number): void;
}

/** An MQTT PUBLISH. The packet id of QoS 1 is written later. */
export function publishPacket(topic: string, payload: Uint8Array, qos: 0 | 1): Buffer {
  const name = Buffer.from(topic);
  const length = 2 + name.length + (qos === 1 ? 2 : 0) + payload.length;
  return Buffer.concat([
    Buffer.from([qos === 1 ? 0x32 : 0x30, ...remainingLength(length)]),
    Buffer.from([name.length >> 8, name.length & 0xff]),
    name,
    Buffer.alloc(qos === 1 ? 2 : 0),
    payload,
  ]);
}

/** An MQTT 3.1.1 CONNECT with a clean session, and an NDEATH as its will where there is one. */
export function connectPacket(clientId: string, will?: { topic: string; payload: Buffer }): Buffer {
  const field = (bytes: Buffer): Buffer[] => [Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes];
  const flags = will === undefined ? 0x02 : 0x02 | 0x04 | 0x08;
  const body = Buffer.concat([
    ...field(Buffer.from('MQTT')),
    Buffer.from([4, flags, 0, 0]),
    ...field(Buffer.from(clientId)),
    ...(will === undefined ? [] : [...field(Buffer.from(will.topic)), ...field(will.payload)]),
  ]);
  return Buffer.concat([Buffer.from([0x10, ...remainingLength(body.length)]), body]);
}

function remainingLength(length: number): number[] {
  const bytes: number[] = [];
  let left = length;
  do {
    bytes.push((left % 128) | (left >= 128 ? 0x80 : 0));
    left = Math.floor(left / 128);
  } while (left > 0);
  return bytes;
}

/** One JSON reading a message at QoS 1: `{"ts":1763600000000,"value":123.45}`. */
export function jsonFrames(topics: readonly string[], nextPacketId: () => number): Frames {
  const times: number[] = [];
  const ids: number[] = [];
  const parts: Buffer[] = [];
  let at = 0;
  for (const topic of topics) {
    const packet = publishPacket(topic, Buffer.from('{"ts":1000000000000,"value":100.00}'), 1);
    ids.push(at + packet.length - 35 - 2);
    times.push(at + packet.length - 35 + 6);
    parts.push(packet);
    at += packet.length;
  }
  const template = Buffer.concat(parts);
  return {
    bytes: template.length,
    messages: topics.length,
    readings: topics.length,
    fill(target, offset, timeMs, hundredths, first) {
      template.copy(target, offset);
      const text = Buffer.from(String(timeMs), 'latin1');
      for (let index = 0; index < times.length; index++) {
        const time = offset + (times[index] ?? 0);
        text.copy(target, time);
        writeHundredths(target, time + 22, hundredths[first + index] ?? 0);
        const id = nextPacketId();
        const place = offset + (ids[index] ?? 0);
        target[place] = id >> 8;
        target[place + 1] = id & 0xff;
      }
    },
  };
}

/** 12345 as the six characters 123.45. */
function writeHundredths(target: Buffer, at: number, hundredths: number): void {
  let left = hundredths;
  for (let place = 5; place >= 0; place--) {
    if (place === 3) {
      target[at + place] = 0x2e;
      continue;
    }
    target[at + place] = 0x30 + (left % 10);
    left = Math.floor(left / 10);
  }
}

export interface SparkplugNode {
  group: string;
  edge: string;
  devices: { device: string; signals: string[] }[];
}

/** The will, and the births, of an edge node: aliases count from 1 through all its devices. */
export function sparkplugBirths(
  node: SparkplugNode,
  timeMs: number,
): { will: { topic: string; payload: Buffer }; births: Buffer } {
  const { group, edge } = node;
  let alias = 1;
  let seq = 0;
  const births = [
    publishPacket(
      formatTopic({ group, verb: 'NBIRTH', edge, device: '' }),
      encodeNodeBirth({ timestampMs: timeMs, seq: seq++, metrics: [] }, 0),
      0,
    ),
  ];
  for (const { device, signals } of node.devices) {
    const metrics = signals.map((name) => ({
      name,
      alias: alias++,
      timestamp_ms: timeMs,
      datatype: Datatype.Double,
      value: 0,
    }));
    births.push(
      publishPacket(
        formatTopic({ group, verb: 'DBIRTH', edge, device }),
        encodeDeviceBirth({ timestampMs: timeMs, seq: seq++, metrics }),
        0,
      ),
    );
  }
  return {
    will: { topic: formatTopic({ group, verb: 'NDEATH', edge, device: '' }), payload: encodeNodeDeath(timeMs, 0) },
    births: Buffer.concat(births),
  };
}

/** One DDATA a device and tick: all its metrics by alias, each with its time and a double, and the sequence at the end. */
export function sparkplugFrames(node: SparkplugNode, nextSeq: () => number): Frames {
  const times: number[] = [];
  const values: number[] = [];
  const sequences: number[] = [];
  const parts: Buffer[] = [];
  let at = 0;
  let alias = 1;
  for (const { device, signals } of node.devices) {
    const payload: number[] = [0x08, ...sixByteTime];
    const own: { time: number; value: number }[] = [];
    const messageTime = 1;
    for (let index = 0; index < signals.length; index++) {
      const metric = [0x10, ...varint(alias++), 0x18];
      const body = metric.length + 6 + 9;
      payload.push(0x12, body, ...metric);
      const time = payload.length;
      payload.push(...sixByteTime, 0x69);
      own.push({ time, value: payload.length });
      payload.push(0, 0, 0, 0, 0, 0, 0, 0);
    }
    payload.push(0x18, 0x80, 0x00);
    const packet = publishPacket(
      formatTopic({ group: node.group, verb: 'DDATA', edge: node.edge, device }),
      Buffer.from(payload),
      0,
    );
    const start = at + packet.length - payload.length;
    times.push(start + messageTime, ...own.map(({ time }) => start + time));
    values.push(...own.map(({ value }) => start + value));
    sequences.push(at + packet.length - 2);
    parts.push(packet);
    at += packet.length;
  }
  const template = Buffer.concat(parts);
  const time = Buffer.alloc(6);
  return {
    bytes: template.length,
    messages: node.devices.length,
    readings: values.length,
    fill(target, offset, timeMs, hundredths, first) {
      template.copy(target, offset);
      writeSixByteTime(time, timeMs);
      for (const place of times) {
        const from = offset + place;
        for (let byte = 0; byte < 6; byte++) target[from + byte] = time[byte] ?? 0;
      }
      for (let index = 0; index < values.length; index++) {
        target.writeDoubleLE((hundredths[first + index] ?? 0) / 100, offset + (values[index] ?? 0));
      }
      for (const place of sequences) {
        // Always two bytes, so that every frame keeps its length; a varint may end in a zero group.
        const seq = nextSeq();
        target[offset + place] = 0x80 | (seq & 0x7f);
        target[offset + place + 1] = seq >> 7;
      }
    },
  };
}

const sixByteTime = [0x80, 0x80, 0x80, 0x80, 0x80, 0x01];

/** Milliseconds of the years 2004 to 2109 are varints of exactly six bytes. */
function writeSixByteTime(target: Buffer, timeMs: number): void {
  let left = timeMs;
  for (let byte = 0; byte < 6; byte++) {
    target[byte] = (left % 128) | (byte < 5 ? 0x80 : 0);
    left = Math.floor(left / 128);
  }
}

function varint(value: number): number[] {
  return remainingLength(value);
}
