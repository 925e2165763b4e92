import type { Verb } from '../../../core/sparkplug/topic.ts';
import type { Source } from '../receiver.ts';
import { createMetricTable, type MetricTable } from './metric-table.ts';
import { createRebirth, type Rebirth } from './rebirth.ts';
import { createSequence, type Sequence } from './sequence.ts';

/** What the host application knows of one edge node. */
export interface EdgeNode {
  /** Name `group/edge`. */
  readonly source: Source;
  readonly group: string;
  readonly edge: string;
  /** True from an NBIRTH to the NDEATH of the same session, or to the end of our own connection. */
  online: boolean;
  /** The session's number; -1 when the NBIRTH did not say it. */
  bdSeq: number;
  sequence: Sequence;
  rebirth: Rebirth;
  metrics: MetricTable;
  /** Data that have overtaken the birth they need, until the gap before them has closed or counts as lost. */
  held: Arrived[];
  /** The devices between their DBIRTH and DDEATH; '' for the node itself. */
  born: Set<string>;
  /** Metrics that got a rejected row of their own for want of a birth, since the last one. */
  unborn: number;
  /** The metrics that are marked stale until their next birth, by address, each with the time of its mark in µs. */
  staleUs: Map<string, number>;
  /** When it was heard last, by our clock; null when never. */
  lastMessageAtMs: number | null;
  counts: EdgeNodeCounts;
}

/** A message as it came. */
export interface Arrived {
  verb: Verb;
  device: string;
  bytes: Buffer;
  nowMs: number;
}

/** For people, in the status of the source. */
export interface EdgeNodeCounts {
  births: number;
  deaths: number;
  messages: number;
  lost_messages: number;
  reordered_messages: number;
  ignored_deaths: number;
  /** Metrics marked is_transient: by the protocol not to be stored, and therefore not counted as received. */
  transient_metrics: number;
  last_rebirth_reason: string;
}

export function createEdgeNode(group: string, edge: string): EdgeNode {
  return {
    source: { protocol: 'sparkplug', name: `${group}/${edge}` },
    group,
    edge,
    online: false,
    bdSeq: -1,
    sequence: createSequence(),
    rebirth: createRebirth(),
    metrics: createMetricTable(),
    held: [],
    born: new Set(),
    unborn: 0,
    staleUs: new Map(),
    lastMessageAtMs: null,
    counts: {
      births: 0,
      deaths: 0,
      messages: 0,
      lost_messages: 0,
      reordered_messages: 0,
      ignored_deaths: 0,
      transient_metrics: 0,
      last_rebirth_reason: '',
    },
  };
}

/** `group/edge/device/metric`. Only a metric's name may hold slashes, so an address has one reading only. */
export function addressOf(node: EdgeNode, device: string, metric: string): string {
  return `${node.group}/${node.edge}/${device}/${metric}`;
}
