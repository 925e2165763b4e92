import { statSync } from 'node:fs';
import { connectAsync, type MqttClient } from 'mqtt';
import { monotonic, now, pause } from '../../core/clock.ts';
import { SettingsError } from '../../core/settings.ts';
import { createEdgeBuffer, type EdgeBuffer } from '../publish/edge-buffer.ts';
import { createRowWriter, type ReplayForm } from './messages.ts';
import { readRows, type BadCell, type Form, type ReadOptions } from './read-rows.ts';

export interface ReplayOptions extends Omit<ReadOptions, 'onBad' | 'shiftSeconds'> {
  files: readonly { path: string; form: Form }[];
  url: string;
  prefix: string;
  form: ReplayForm;
  qos: 0 | 1;
  /** How many times as fast as it was recorded; Infinity as fast as the broker takes it. */
  speed: number;
  shiftToNow: boolean;
  onBad: (cell: BadCell) => void;
  onProgress: (bytes: number, readings: number) => void;
  signal: AbortSignal;
}

export interface ReplayCounts {
  rows: number;
  /** Readings given to the network, and at QoS 1 those the broker has acknowledged. */
  sent: number;
  acknowledged: number;
  messages: number;
}

/** Sends the files one after the other and waits until everything is acknowledged. Throws when the broker cannot be reached. */
export async function replay(options: ReplayOptions): Promise<ReplayCounts> {
  const client = await open(options.url);
  const buffer = createBuffer(client, options.qos);
  const counts = { rows: 0 };
  let bytesBefore = 0;
  try {
    for (const file of options.files) {
      await replayFile(file, options, client, buffer, counts, bytesBefore);
      bytesBefore += statSync(file.path).size;
    }
    // The broker may be away at this moment; MQTT.js sends what is unacknowledged again as soon as it is back.
    while (buffer.waiting > 0 && !options.signal.aborted) await pause(5);
  } finally {
    await client.endAsync(buffer.waiting > 0);
  }
  const { sent, acknowledged, messages } = buffer.counts;
  return { rows: counts.rows, sent, acknowledged, messages };
}

async function replayFile(
  { path, form }: ReplayOptions['files'][number],
  options: ReplayOptions,
  client: MqttClient,
  buffer: EdgeBuffer,
  counts: { rows: number },
  bytesBefore: number,
): Promise<void> {
  const shiftSeconds = options.shiftToNow ? await findShift(path, form, options) : 0;
  const writer = createRowWriter(options.prefix, options.form);
  const startedAt = monotonic();
  let firstMs: number | undefined;
  for await (const row of readRows(path, form, { ...options, shiftSeconds })) {
    firstMs ??= row.time.ms;
    const wait = startedAt + (row.time.ms - firstMs) / options.speed - monotonic();
    if (wait > 5) await pause(wait, options.signal);
    if (options.signal.aborted) return;
    for (const message of writer.write(row)) buffer.push(message);
    counts.rows++;
    options.onProgress(bytesBefore + row.bytes, buffer.counts.sent);
    // Bounded: what the broker has not taken yet must not pile up here. At QoS 0 the socket's own buffer says so.
    while (isFull(buffer, client) && !options.signal.aborted) await pause(1);
  }
  for (const message of writer.flush()) buffer.push(message);
}

function isFull(buffer: EdgeBuffer, client: MqttClient): boolean {
  return buffer.underWay >= 1000 || client.stream.writableLength > 1_000_000;
}

/** Whole seconds that bring the file's last row (at its own pace: its first) to the present. */
async function findShift(path: string, form: Form, options: ReplayOptions): Promise<number> {
  let first: number | undefined;
  let last = 0;
  for await (const { time } of readRows(path, form, { ...options, shiftSeconds: 0, onBad: () => undefined })) {
    first ??= time.ms;
    last = Math.max(last, time.ms);
  }
  return Math.floor((now() - (options.speed === 1 ? (first ?? 0) : last)) / 1000);
}

function createBuffer(client: MqttClient, qos: 0 | 1): EdgeBuffer {
  const buffer = createEdgeBuffer({
    isConnected: () => client.connected,
    capacity: Infinity,
    send: ({ topic, payload }, onAcknowledged) => {
      client.publish(topic, payload, { qos }, (error) => {
        if (error == null) onAcknowledged();
      });
    },
  });
  client.on('connect', () => buffer.pump());
  return buffer;
}

async function open(url: string): Promise<MqttClient> {
  try {
    // Unacknowledged messages are kept and sent again over reconnects; the first connection must succeed.
    return await connectAsync(url, { reconnectPeriod: 1000, connectTimeout: 5000, protocolVersion: 4 }, false);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    const shown = url.replace(/:\/\/([^:@/]*):[^@/]*@/, '://$1:***@');
    throw new SettingsError(`The broker ${shown} does not answer (${code ?? message}); is it running?`, {
      cause: error,
    });
  }
}
