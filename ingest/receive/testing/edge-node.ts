import { connectAsync, type MqttClient } from 'mqtt';
import { decodePayload } from '../../../core/sparkplug/decode-payload.ts';
import type { MetricToWrite } from '../../../core/sparkplug/encode-payload.ts';
import {
  encodeData,
  encodeDeviceBirth,
  encodeDeviceDeath,
  encodeNodeBirth,
  encodeNodeDeath,
  rebirthMetric,
} from '../../../core/sparkplug/messages.ts';
import { createPayloadColumns } from '../../../core/sparkplug/payload-columns.ts';
import { formatTopic, type Verb } from '../../../core/sparkplug/topic.ts';

/** A Sparkplug edge node as the specification describes it, over a real connection, with one device. */
export interface TestEdgeNode {
  /** Rebirth requests that arrived. */
  readonly rebirthRequests: number;
  bear(): Promise<void>;
  /** DDATA of the device; `seq` instead of the next number leaves a gap. */
  sendData(metrics: MetricToWrite[], seq?: number): Promise<void>;
  killDevice(timestampMs: number): Promise<void>;
  /** Says NDEATH as before a DISCONNECT. */
  sayDeath(bdSeq?: number): Promise<void>;
  close(): Promise<void>;
}

export interface TestEdgeNodeOptions {
  url: string;
  group: string;
  edge: string;
  device: string;
  bdSeq: number;
  /** The device's metrics with names, aliases and datatypes, as its birth tells them now. */
  deviceBirth: () => MetricToWrite[];
  clock: () => number;
  /** Whether it answers rebirth requests as it must. */
  isObedient?: boolean;
  keepAliveSeconds?: number;
}

export async function openEdgeNode(options: TestEdgeNodeOptions): Promise<TestEdgeNode> {
  const { url, group, edge, device, bdSeq, clock, isObedient = true, keepAliveSeconds = 60 } = options;
  const topic = (verb: Verb, of = ''): string => formatTopic({ group, verb, edge, device: of });
  let seq = 0;
  let rebirthRequests = 0;
  const next = (): number => {
    const used = seq;
    seq = (seq + 1) & 255;
    return used;
  };
  const client: MqttClient = await connectAsync(url, {
    protocolVersion: 4,
    clean: true,
    clientId: `edge-${group}-${edge}`,
    reconnectPeriod: 0,
    keepalive: keepAliveSeconds,
    will: { topic: topic('NDEATH'), payload: encodeNodeDeath(clock(), bdSeq), qos: 1, retain: false },
  });
  const columns = createPayloadColumns(4);
  client.on('message', (_, payload) => {
    if (decodePayload(payload, columns) !== null) return;
    const name = payload.toString('utf8', columns.name_start[0], columns.name_end[0]);
    if (name !== rebirthMetric || columns.number[0] !== 1) return;
    rebirthRequests++;
    if (isObedient) void node.bear();
  });
  await client.subscribeAsync(topic('NCMD'), { qos: 1 });

  const node: TestEdgeNode = {
    get rebirthRequests() {
      return rebirthRequests;
    },
    async bear() {
      seq = 0;
      const timestampMs = clock();
      await client.publishAsync(topic('NBIRTH'), encodeNodeBirth({ timestampMs, seq: next(), metrics: [] }, bdSeq));
      const birth = encodeDeviceBirth({ timestampMs, seq: next(), metrics: options.deviceBirth() });
      await client.publishAsync(topic('DBIRTH', device), birth);
    },
    async sendData(metrics, forced) {
      if (forced !== undefined) seq = forced;
      const payload = encodeData({ timestampMs: clock(), seq: next(), metrics });
      await client.publishAsync(topic('DDATA', device), payload);
    },
    async killDevice(timestampMs) {
      await client.publishAsync(topic('DDEATH', device), encodeDeviceDeath(timestampMs, next()));
    },
    async sayDeath(of = bdSeq) {
      await client.publishAsync(topic('NDEATH'), encodeNodeDeath(clock(), of), { qos: 1 });
    },
    async close() {
      await client.endAsync();
    },
  };
  return node;
}
