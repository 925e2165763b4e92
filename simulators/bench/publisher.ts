import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SparkplugNode } from './frames.ts';
import { startProcess } from './bench-process.ts';

export interface PublisherSetup {
  url: string;
  protocol: 'mqtt' | 'sparkplug';
  /** One connection for each; for JSON their names make the topics. */
  nodes: SparkplugNode[];
  /** In the order of the nodes' devices and signals. */
  signal_ids: number[];
  seed: number;
}

export interface PublishOrder {
  ticks: number;
  /** Source time of the first tick, and the time between ticks (whole milliseconds come out by rounding). */
  start_ms: number;
  step_ms: number;
  /** Send each tick at its own time; else as fast as it goes. */
  paced: boolean;
}

export interface PublishReport {
  readings: number;
  checksum: string;
  started_at_ms: number;
  /** Until the last byte was handed to the kernel, and until everything was acknowledged. */
  sent_ms: number;
  settled_ms: number;
  /** The latest that a tick was sent after its moment: large when the publisher is the bottleneck. */
  worst_delay_ms: number;
  cpu_seconds: number;
}

export interface Publisher {
  pid: number;
  publish(order: PublishOrder): Promise<PublishReport>;
  close(): Promise<void>;
}

/** Starts the publisher as a process; its sessions and births last until it is closed. */
export async function startPublisher(setup: PublisherSetup): Promise<Publisher> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  const file = join(folder, 'publisher.json');
  writeFileSync(file, JSON.stringify(setup));
  const process = await startProcess({
    name: 'publisher',
    main: 'simulators/bench/publisher-main.ts',
    parameters: [file],
    environment: {},
  });
  rmSync(folder, { recursive: true });
  let closed = false;
  return {
    pid: process.pid,
    async publish(order) {
      const { report } = await process.ask<{ report: PublishReport }>(order, (answer) => 'report' in answer);
      return report;
    },
    async close() {
      if (closed) return;
      closed = true;
      process.send({ end: true });
      await process.ended;
    },
  };
}
