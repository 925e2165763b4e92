import { vi } from 'vitest';
import { Datatype } from '../../../core/sparkplug/datatype.ts';
import type { MetricToWrite } from '../../../core/sparkplug/encode-payload.ts';
import { encodeData, encodeDeviceBirth, encodeNodeBirth } from '../../../core/sparkplug/messages.ts';
import { createHost, type Host } from '../sparkplug/host.ts';
import { type CollectingIntake, collectIntake, registerSignals, type TestSignal } from './collecting-intake.ts';

/** `group/edge` of the one edge node that the tests of the host speak as. */
export const nodeName = 'millrace-berlin/line-01';
export const start = Date.UTC(2026, 0, 5);

/** A topic of that node. */
export const topicOf = (verb: string, device = '') =>
  `spBv1.0/millrace-berlin/${verb}/line-01${device === '' ? '' : `/${device}`}`;

/** A host on a clock that stands still until `pass`, and an edge node that speaks to it without a broker. */
export interface HostStage {
  host: Host;
  intake: CollectingIntake;
  requests: { at: number; node: string }[];
  nowMs: number;
  /** Lets `ms` pass, timers included. */
  pass(ms: number): void;
  receive(verb: string, bytes: Buffer, device?: string): void;
  /** A temperature by alias, measured now, with changes. */
  temperature(value: MetricToWrite['value'], more?: Partial<MetricToWrite>): MetricToWrite;
  bearNode(seq?: number, bdSeq?: number): void;
  bearDevice(seq?: number): void;
  sendData(seq: number, metrics: MetricToWrite[], device?: string): void;
}

/** Temperature and order of the device "m-001" are mapped, and the node's own metric "uptime"; nothing else is. */
const plant: TestSignal[] = [
  { signal_id: 1, protocol: 'sparkplug', address: `${nodeName}/m-001/temperature` },
  { signal_id: 2, protocol: 'sparkplug', address: `${nodeName}/m-001/order`, kind: 'order' },
  { signal_id: 3, protocol: 'sparkplug', address: `${nodeName}//uptime`, kind: 'counter' },
];

/** Call `vi.useFakeTimers` before, and `host.close` and `vi.useRealTimers` after. */
export async function setHostStage(signals: readonly TestSignal[] = plant): Promise<HostStage> {
  const intake = collectIntake();
  const requests: HostStage['requests'] = [];
  const host = createHost({
    intake,
    registry: await registerSignals(signals),
    clock: () => start + stage.nowMs,
    monotonic: () => stage.nowMs,
    reorderMs: 2000,
    rebirthMs: 5000,
    spacingMs: 20,
    sendRebirthRequest: (group, edge) => requests.push({ at: stage.nowMs, node: `${group}/${edge}` }),
  });
  const time = () => start + stage.nowMs;
  const stage: HostStage = {
    host,
    intake,
    requests,
    nowMs: 0,
    pass(ms) {
      for (const end = stage.nowMs + ms; stage.nowMs < end; ) {
        stage.nowMs++;
        vi.advanceTimersByTime(1);
      }
    },
    receive: (verb, bytes, device = '') => host.receive(topicOf(verb, device), bytes, false),
    temperature: (value, more = {}) => ({
      alias: 2,
      timestamp_ms: time(),
      datatype: Datatype.Double,
      value,
      ...more,
    }),
    bearNode(seq = 0, bdSeq = 3) {
      const uptime = { name: 'uptime', alias: 1, timestamp_ms: time(), datatype: Datatype.UInt32, value: 60 };
      stage.receive('NBIRTH', encodeNodeBirth({ timestampMs: time(), seq, metrics: [uptime] }, bdSeq));
    },
    bearDevice(seq = 1) {
      const metrics = [
        stage.temperature(20, { name: 'temperature' }),
        { name: 'order', alias: 3, timestamp_ms: time(), datatype: Datatype.String, value: 'P-100' },
        { name: 'colour', alias: 4, timestamp_ms: time(), datatype: Datatype.Int16, value: 7 },
      ];
      stage.receive('DBIRTH', encodeDeviceBirth({ timestampMs: time(), seq, metrics }), 'm-001');
    },
    sendData(seq, metrics, device = 'm-001') {
      const verb = device === '' ? 'NDATA' : 'DDATA';
      stage.receive(verb, encodeData({ timestampMs: time(), seq, metrics }), device);
    },
  };
  return stage;
}
