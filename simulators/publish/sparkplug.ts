import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { Publisher } from '../sent.ts';
import type { SimulatedMachine } from '../simulated-plant.ts';
import { openEdgeNode, type EdgeNode } from './edge-node.ts';

export interface SparkplugOptions {
  url: string;
  /** See MqttOptions. */
  instance: string;
  machines: readonly SimulatedMachine[];
  /** Stamps of messages; values carry the plant's time. */
  clock: Clock;
  /** The bdSeq with which each node died last, by `group/edge node`. */
  birthDeath: Record<string, number>;
  log: Log;
}

/** The lines that speak Sparkplug B: one edge node a line, one device a machine, one metric a signal. */
export function createSparkplugPublisher({
  url,
  instance,
  machines,
  clock,
  birthDeath,
  log,
}: SparkplugOptions): Publisher {
  const nodes = new Map<string, EdgeNode>();
  const nodeOf = (machine: SimulatedMachine): string => `${machine.enterprise}-${machine.site}/${machine.line}`;
  for (const [source, devices] of Map.groupBy(machines, nodeOf)) {
    const [group = '', edge = ''] = source.split('/');
    nodes.set(source, openEdgeNode({ url, instance, group, edge, devices, clock, birthDeath, log }));
  }
  return {
    publish(machine, samples) {
      nodes.get(nodeOf(machine))?.publish(machine, samples);
    },
    isConnected: () => [...nodes.values()].every((node) => node.isConnected()),
    isBusy: () => [...nodes.values()].some((node) => node.isBusy()),
    counts: () => [...nodes].map(([source, node]) => ({ protocol: 'sparkplug', source, ...node.counts() })),
    async close() {
      await Promise.all([...nodes.values()].map((node) => node.close()));
    },
  };
}
