import { readFileSync } from 'node:fs';
import { monotonic, now, pause } from '../../core/clock.ts';
import { jsonFrames, sparkplugBirths, sparkplugFrames, type Frames } from './frames.ts';
import { openMqttSocket, type MqttSocket } from './mqtt-socket.ts';
import type { PublisherSetup, PublishOrder, PublishReport } from './publisher.ts';
import { createWorkload } from './workload.ts';

// The publisher is a process of its own, so that its cost can be told apart and never waits for anything of the bench.
const setup = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as PublisherSetup;
const workload = createWorkload(setup.signal_ids, setup.seed);

interface Line {
  socket: MqttSocket;
  frames: Frames;
  /** Index of the line's first signal in the workload. */
  first: number;
  /** Frames that the kernel has taken, free to be filled again. */
  free: Buffer[];
  sent: number;
}

/** Messages at QoS 1 that may wait for their PUBACK on one connection; packet ids end at 65,535. */
const window = 20_000;
/** Ticks that may wait in the socket of one connection. */
const buffersPerLine = 8;

async function openLines(): Promise<Line[]> {
  const lines: Line[] = [];
  let first = 0;
  for (const [index, node] of setup.nodes.entries()) {
    let packetId = 0;
    let seq = node.devices.length;
    const births = setup.protocol === 'sparkplug' ? sparkplugBirths(node, now()) : undefined;
    const socket = await openMqttSocket(setup.url, `bench-${process.pid}-${index}`, births?.will);
    if (births !== undefined) await socket.write(births.births);
    const topics = node.devices.flatMap(({ device, signals }) =>
      signals.map((signal) => `${node.group.replace('-', '/')}/${node.edge}/${device}/${signal}`),
    );
    const frames =
      setup.protocol === 'sparkplug'
        ? sparkplugFrames(node, () => (seq = (seq + 1) % 256))
        : jsonFrames(topics, () => (packetId = (packetId % 65_535) + 1));
    lines.push({
      socket,
      frames,
      first,
      free: Array.from({ length: buffersPerLine }, () => Buffer.allocUnsafeSlow(frames.bytes)),
      sent: 0,
    });
    first += topics.length;
  }
  return lines;
}

const lines = await openLines();

async function sendTick(timeMs: number): Promise<void> {
  workload.step(timeMs);
  for (const line of lines) {
    let buffer = line.free.pop();
    while (buffer === undefined || (setup.protocol === 'mqtt' && line.sent - line.socket.acknowledged > window)) {
      await pause(0);
      buffer ??= line.free.pop();
    }
    const filled = buffer;
    line.frames.fill(filled, 0, timeMs, workload.hundredths, line.first);
    line.sent += line.frames.messages;
    void line.socket.write(filled).then(
      () => line.free.push(filled),
      (error: Error) => {
        process.stderr.write(`${error.message}\n`);
        process.exit(1);
      },
    );
  }
}

/** Waits until every socket is empty and, at QoS 1, every message is acknowledged. */
async function settle(): Promise<void> {
  while (lines.some(({ free }) => free.length < buffersPerLine)) await pause(1);
  if (setup.protocol !== 'mqtt') return;
  while (lines.some(({ sent, socket }) => socket.acknowledged < sent)) await pause(1);
}

/**
 * Sends `ticks` ticks. With a rate, tick k belongs to the moment start + k · step and is sent then or as soon after as
 * possible, stamped with the moment it belongs to: what waits in the publisher counts as latency (no coordinated
 * omission). Without a rate, ticks of the past are sent as fast as they go.
 */
async function publish(order: PublishOrder): Promise<PublishReport> {
  workload.reset();
  const cpuBefore = process.cpuUsage();
  const started = monotonic();
  const startedAtMs = now();
  let worstDelayMs = 0;
  for (let tick = 0; tick < order.ticks; tick++) {
    const offsetMs = Math.round(tick * order.step_ms);
    if (order.paced) {
      const wait = order.start_ms + offsetMs - now();
      if (wait > 0) await pause(wait);
      worstDelayMs = Math.max(worstDelayMs, now() - (order.start_ms + offsetMs));
    } else if (tick % 16 === 0) {
      // Acknowledgements and drained sockets must be seen now and then.
      await pause(0);
    }
    await sendTick(order.start_ms + offsetMs);
  }
  const sentAfterMs = monotonic() - started;
  await settle();
  const cpu = process.cpuUsage(cpuBefore);
  return {
    readings: workload.readings,
    checksum: workload.checksum.toString(),
    started_at_ms: startedAtMs,
    sent_ms: sentAfterMs,
    settled_ms: monotonic() - started,
    worst_delay_ms: worstDelayMs,
    cpu_seconds: (cpu.user + cpu.system) / 1e6,
  };
}

process.on('message', (order: PublishOrder | { end: true }) => {
  if ('end' in order) {
    void Promise.all(lines.map(({ socket }) => socket.close())).then(() => process.exit(0));
    return;
  }
  publish(order).then(
    (report) => process.send?.({ report }),
    (error: Error) => {
      process.stderr.write(`${error.message}\n`);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit(0));
process.send?.({ ready: true });
