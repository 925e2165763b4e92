import { connect, type MqttClient } from 'mqtt';
import { monotonic, now } from '../../../core/clock.ts';
import { Datatype } from '../../../core/sparkplug/datatype.ts';
import type { MetricToWrite } from '../../../core/sparkplug/encode-payload.ts';
import { encodeData, encodeDeviceBirth, encodeNodeBirth, encodeNodeDeath } from '../../../core/sparkplug/messages.ts';
import { formatTopic, parseState, stateTopic, type Verb } from '../../../core/sparkplug/topic.ts';
import { waitUntil } from '../../../core/testing/wait-until.ts';
import { isRebirthRequest } from '../../../simulators/publish/rebirth-request.ts';
import type { TestSignal } from '../../testing/test-plant.ts';
import type { Sender } from './fault-stage.ts';

/** A Sparkplug edge node with one device that measures all its signals every few milliseconds, and has memory. */
export interface StoringEdgeNode extends Sender {
  /** Rebirth requests that it has answered. */
  readonly rebirthRequests: number;
  /** How often its primary host went offline. */
  readonly hostDeaths: number;
  /** Readings sent as `is_historical`. */
  readonly historical: number;
  /** Measures no more, and waits until everything measured has been sent to a host that is online. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

interface Measured {
  alias: number;
  timeMs: number;
  value: number;
}

const [group, edge, device] = ['millrace-berlin', 'line-01', 'm-001'];
/** What was sent so shortly before the death of the host may not have reached its disk. */
const overlapMs = 2000;
const metricsPerMessage = 400;

/**
 * Keeps the protocol of an edge node with a primary host: waits for its STATE, ends the session when the STATE says that
 * it is away, and begins the next one, with the next bdSeq and births, when it is back. What it measured meanwhile and
 * what it had sent in the last seconds before follows as history. All of it has QoS 0.
 */
export async function startStoringEdgeNode(
  url: string,
  signals: readonly TestSignal[],
  everyMs = 10,
): Promise<StoringEdgeNode> {
  const acknowledged = new Set<string>();
  let kept: Measured[] = [];
  let recent: { atMs: number; readings: Measured[] }[] = [];
  let client: MqttClient | undefined;
  let bdSeq = -1;
  let seq = 0;
  let lastMs = 0;
  let number = 0;
  let isBorn = false;
  let isClosed = false;
  let stateSince = 0;
  let [rebirthRequests, hostDeaths, historical] = [0, 0, 0];

  const topic = (verb: Verb, of = ''): string => formatTopic({ group, verb, edge, device: of });
  const nextSeq = (): number => {
    const used = seq;
    seq = (seq + 1) & 255;
    return used;
  };
  const metricOf = ({ alias, timeMs, value }: Measured): MetricToWrite => ({
    alias,
    timestamp_ms: timeMs,
    datatype: Datatype.Double,
    value,
  });
  const publish = (verb: Verb, of: string, payload: Buffer): void => void client?.publish(topic(verb, of), payload);

  function measure(): Measured[] {
    lastMs = Math.max(lastMs + 1, now());
    return signals.map(({ signal_id }, index) => {
      const value = number++ / 8;
      acknowledged.add(`${signal_id}|${lastMs}000|${value}`);
      return { alias: index + 1, timeMs: lastMs, value };
    });
  }

  function remember(readings: Measured[]): void {
    const atMs = monotonic();
    recent.push({ atMs, readings });
    while ((recent[0]?.atMs ?? atMs) < atMs - overlapMs) recent.shift();
  }

  function bear(): void {
    seq = 0;
    const readings = measure();
    publish('NBIRTH', '', encodeNodeBirth({ timestampMs: lastMs, seq: nextSeq(), metrics: [] }, bdSeq));
    const metrics = readings.map((reading, index) => ({
      ...metricOf(reading),
      name: signals[index]?.address.split('/').at(-1) ?? '',
    }));
    publish('DBIRTH', device, encodeDeviceBirth({ timestampMs: lastMs, seq: nextSeq(), metrics }));
    remember(readings);
    isBorn = true;
  }

  function sendKept(): void {
    const readings = kept;
    kept = [];
    for (let from = 0; from < readings.length; from += metricsPerMessage) {
      const part = readings.slice(from, from + metricsPerMessage);
      const metrics = part.map((reading) => ({ ...metricOf(reading), is_historical: true }));
      publish('DDATA', device, encodeData({ timestampMs: now(), seq: nextSeq(), metrics }));
      remember(part);
    }
    historical += readings.length;
  }

  function onState(payload: Buffer): void {
    const state = parseState(payload.toString());
    if (state === undefined || state.timestamp < stateSince) return;
    stateSince = state.timestamp;
    if (state.online && !isBorn) {
      bear();
      sendKept();
    } else if (!state.online && isBorn) {
      hostDeaths++;
      isBorn = false;
      const sinceMs = monotonic() - overlapMs;
      kept.unshift(...recent.filter(({ atMs }) => atMs >= sinceMs).flatMap(({ readings }) => readings));
      recent = [];
      const last = client;
      last?.publish(topic('NDEATH'), encodeNodeDeath(now(), bdSeq), { qos: 1 }, () => last.end(false, open));
    }
  }

  /** A session of its own, because the will with its bdSeq is fixed at CONNECT. */
  function open(): void {
    if (isClosed) return;
    bdSeq = (bdSeq + 1) & 255;
    client = connect(url, {
      clientId: `edge-${edge}`,
      clean: true,
      reconnectPeriod: 0,
      will: { topic: topic('NDEATH'), payload: encodeNodeDeath(now(), bdSeq), qos: 1, retain: false },
    });
    client.on('error', () => undefined);
    client.on('message', (from, payload) => {
      if (from === stateTopic('millrace')) onState(payload);
      else if (isBorn && isRebirthRequest(payload)) {
        rebirthRequests++;
        bear();
      }
    });
    client.subscribe([topic('NCMD'), stateTopic('millrace')], { qos: 1 });
  }

  open();
  const ticking = setInterval(() => {
    const readings = measure();
    if (!isBorn) {
      kept.push(...readings);
      return;
    }
    publish('DDATA', device, encodeData({ timestampMs: lastMs, seq: nextSeq(), metrics: readings.map(metricOf) }));
    remember(readings);
  }, everyMs);
  await waitUntil('the edge node is born', () => isBorn, { limitMs: 20_000 }).catch((error: unknown) => {
    clearInterval(ticking);
    client?.end(true);
    throw error;
  });

  return {
    get sent() {
      return acknowledged.size;
    },
    acknowledged,
    get messages() {
      return acknowledged.size;
    },
    get rebirthRequests() {
      return rebirthRequests;
    },
    get hostDeaths() {
      return hostDeaths;
    },
    get historical() {
      return historical;
    },
    async finish() {
      clearInterval(ticking);
      await waitUntil('the edge node has sent everything', () => isBorn && kept.length === 0, { limitMs: 20_000 });
    },
    async close() {
      isClosed = true;
      clearInterval(ticking);
      await client?.endAsync(true);
    },
  };
}
