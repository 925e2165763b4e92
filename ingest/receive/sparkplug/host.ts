import type { Clock } from '../../../core/clock.ts';
import { decodePayload } from '../../../core/sparkplug/decode-payload.ts';
import { createPayloadColumns } from '../../../core/sparkplug/payload-columns.ts';
import { parseTopic, type SparkplugTopic, type Verb } from '../../../core/sparkplug/topic.ts';
import { addLost, addRejected } from '../../resolve/add-reading.ts';
import { isSourceName, mostSourceBytes } from '../../resolve/safe-text.ts';
import type { SignalRegistry } from '../../resolve/signal-registry.ts';
import type { Intake } from '../receiver.ts';
import type { Message } from './add-metric.ts';
import { addressOf, type Arrived, createEdgeNode, type EdgeNode } from './edge-node.ts';
import { markNodeStale, readDeviceDeath, readNodeDeath } from './read-death.ts';
import { readDeviceBirth, readNodeBirth } from './read-birth.ts';
import { isAnnounced, readData } from './read-data.ts';
import { noteRequest, rebirthDueMs, wantRebirth } from './rebirth.ts';
import { countLost, nextLossMs, noteSequence } from './sequence.ts';

/** More edge nodes than any plant has; what comes from further ones is rejected, so that names cannot fill the memory. */
const mostEdgeNodes = 10_000;
/** Metrics that all births together may announce, about 1 KB of memory each. */
const mostMetrics = 2_000_000;
const mostTopics = 50_000;
/** Data that wait for a birth which they have overtaken; what is beyond is not waited with. */
const mostHeldBytes = 32_000_000;
/** What a held message costs beside its bytes. */
const heldOverhead = 200;

export interface HostOptions {
  intake: Intake;
  registry: SignalRegistry;
  clock: Clock;
  /** A count of milliseconds that never jumps, for the timeouts. */
  monotonic: Clock;
  /** How long a gap in the sequence numbers may stay open ("Reorder Timeout"). */
  reorderMs: number;
  /** The least time between two rebirth requests to one node. */
  rebirthMs: number;
  /** The least time between two rebirth requests to any nodes, so that a start does not call for all births at once. */
  spacingMs: number;
  sendRebirthRequest: (group: string, edge: string) => void;
}

/** The host application without its connection: messages in, readings and rebirth requests out. */
export interface Host {
  readonly nodes: ReadonlyMap<string, EdgeNode>;
  readonly ignoredRetained: number;
  receive(topic: string, bytes: Buffer, retained: boolean): void;
  /** Our STATE says online: ask all nodes that the plant or an earlier connection knows for their births. */
  connected(): void;
  /** Our STATE says offline: no births are asked for until `connected`. What comes all the same is taken. */
  hush(): void;
  /** Our connection is gone; nothing that was known is current any more. */
  disconnected(): void;
  close(): void;
}

export function createHost(options: HostOptions): Host {
  const { intake, registry, clock, monotonic, reorderMs, rebirthMs, spacingMs } = options;
  const columns = createPayloadColumns();
  const nodes = new Map<string, EdgeNode>();
  /** Parsing a topic costs as much as decoding ten metrics, and there are few of them. */
  const topics = new Map<string, SparkplugTopic | null>();
  const others = { protocol: 'sparkplug', name: '(other edge nodes)' } as const;
  /** Nodes with an open gap or a wanted rebirth. */
  const watched = new Set<EdgeNode>();
  let timer: NodeJS.Timeout | undefined;
  let armedForMs = Number.POSITIVE_INFINITY;
  let lastRequestMs = Number.NEGATIVE_INFINITY;
  let mayAsk = false;
  let ignoredRetained = 0;
  let heldBytes = 0;

  function receive(topic: string, bytes: Buffer, retained: boolean): void {
    const parts = parse(topic);
    if (parts === null || parts.verb === 'NCMD' || parts.verb === 'DCMD') return;
    if (retained) {
      // Births and data must not be retained; one that was is of unknown age, and its aliases may name other metrics.
      ignoredRetained++;
      return;
    }
    const nowMs = clock();
    const { group, edge, device, verb } = parts;
    const node = findNode(group, edge);
    if (node === undefined) {
      const into = intake.open(others);
      const detail = `The edge node is not listened to: its name has more than ${mostSourceBytes} bytes or holds U+0000, or there are ${mostEdgeNodes} already.`;
      addRejected(into, `${group}/${edge}/${device}`, 'wrong_topic', detail, bytes);
      intake.handOver();
      return;
    }
    node.counts.messages++;
    node.lastMessageAtMs = nowMs;
    // With the session ends what its data could have waited for.
    if (verb === 'NBIRTH' || verb === 'NDEATH') release(node);
    take(node, { verb, device, bytes, nowMs });
    if (node.sequence.missing.size === 0) release(node);
    watch(node);
  }

  function take(node: EdgeNode, arrived: Arrived, mayWait = true): void {
    const { verb, device, bytes, nowMs } = arrived;
    const problem = decodePayload(bytes, columns) ?? birthProblem(verb, node);
    if (problem === null && mayWait && verb !== 'NBIRTH' && verb !== 'NDEATH') {
      noteOrder(node, columns.seq);
      if (hold(node, arrived)) return;
    }
    const into = intake.open(node.source);
    if (problem !== null) {
      const detail = `The ${verb} of ${bytes.length} bytes cannot be read: ${problem}.`;
      addRejected(into, addressOf(node, device, ''), 'malformed_payload', detail, bytes);
      wantRebirth(node.rebirth, `a ${verb} that cannot be read`);
    } else {
      const reason = read(node, verb, device, { bytes, columns, into, nowUs: nowMs * 1000, toKeep: bytes });
      if (reason !== '') wantRebirth(node.rebirth, reason);
    }
    intake.handOver();
  }

  /** Keeps data back that cannot be read while messages before them are missing: one of those may be the birth. */
  function hold(node: EdgeNode, arrived: Arrived): boolean {
    const { verb, device, bytes } = arrived;
    if (node.sequence.missing.size === 0 || !node.online || !verb.endsWith('DATA')) return false;
    const size = bytes.length + heldOverhead;
    if (isAnnounced(node, device, bytes, columns) || heldBytes + size > mostHeldBytes) return false;
    heldBytes += size;
    node.held.push(arrived);
    return true;
  }

  /** Takes what was held back, readable now or not. Not while a message is open. */
  function release(node: EdgeNode): void {
    const { held } = node;
    if (held.length === 0) return;
    node.held = [];
    for (const arrived of held) {
      heldBytes -= arrived.bytes.length + heldOverhead;
      take(node, arrived, false);
    }
  }

  /** Takes a decoded message in; answers why a rebirth is needed, or an empty text. */
  function read(node: EdgeNode, verb: Verb, device: string, message: Message): string {
    switch (verb) {
      case 'NBIRTH':
        readNodeBirth(node, message, registry);
        return '';
      case 'DBIRTH':
        return readDeviceBirth(node, device, message, registry);
      case 'NDATA':
      case 'DDATA':
        return readData(node, device, message, registry);
      case 'NDEATH':
        readNodeDeath(node, message, registry);
        return '';
      case 'DDEATH':
        readDeviceDeath(node, device, message, registry);
        return '';
      case 'NCMD':
      case 'DCMD':
        return '';
    }
  }

  function birthProblem(verb: string, node: EdgeNode): string | null {
    if (!verb.endsWith('BIRTH')) return null;
    let announced = columns.length;
    for (const other of nodes.values())
      if (verb === 'DBIRTH' || other !== node) announced += other.metrics.address.length;
    return announced > mostMetrics ? `all births together announce more than ${mostMetrics} metrics` : null;
  }

  function parse(topic: string): SparkplugTopic | null {
    let parts = topics.get(topic);
    if (parts === undefined) {
      if (topics.size >= mostTopics) topics.clear();
      parts = parseTopic(topic) ?? null;
      topics.set(topic, parts);
    }
    return parts;
  }

  function findNode(group: string, edge: string): EdgeNode | undefined {
    const key = `${group}/${edge}`;
    let node = nodes.get(key);
    if (node === undefined && nodes.size < mostEdgeNodes && isSourceName(key)) {
      node = createEdgeNode(group, edge);
      nodes.set(key, node);
    }
    return node;
  }

  function noteOrder(node: EdgeNode, seq: number): void {
    const { expected } = node.sequence;
    const arrival = noteSequence(node.sequence, seq, monotonic(), reorderMs);
    if (arrival === 'late') node.counts.reordered_messages++;
    else if (arrival === 'unexplained')
      wantRebirth(node.rebirth, `the sequence number ${seq} where ${expected} was due`);
  }

  /** Sees to it that the node's open gaps and wanted rebirth are looked at in time. Not while a message is open. */
  function watch(node: EdgeNode): void {
    const due = dueMs(node);
    if (due === Number.POSITIVE_INFINITY) return;
    watched.add(node);
    if (due < armedForMs) arm(due);
  }

  function dueMs(node: EdgeNode): number {
    const requestMs = mayAsk ? rebirthDueMs(node.rebirth) : Number.POSITIVE_INFINITY;
    return Math.min(nextLossMs(node.sequence), Math.max(requestMs, lastRequestMs + spacingMs));
  }

  function arm(dueAtMs: number): void {
    clearTimeout(timer);
    armedForMs = dueAtMs;
    // A timer may fire a fraction of a millisecond early; one more keeps it from spinning.
    if (dueAtMs !== Number.POSITIVE_INFINITY) timer = setTimeout(look, Math.max(0, dueAtMs - monotonic()) + 1);
  }

  /** Does what is due, and sets the timer for what comes next. */
  function look(): void {
    const nowMs = monotonic();
    let next = Number.POSITIVE_INFINITY;
    for (const node of watched) {
      const lost = countLost(node.sequence, nowMs);
      if (lost > 0) {
        node.counts.lost_messages += lost;
        addLost(intake.open(node.source), lost);
        intake.handOver();
        wantRebirth(node.rebirth, `${lost} lost messages`);
        release(node);
      }
      if (mayAsk && rebirthDueMs(node.rebirth) <= nowMs && lastRequestMs + spacingMs <= nowMs) {
        node.counts.last_rebirth_reason = node.rebirth.reason;
        noteRequest(node.rebirth, nowMs, rebirthMs);
        lastRequestMs = nowMs;
        options.sendRebirthRequest(node.group, node.edge);
      }
      const due = dueMs(node);
      if (due === Number.POSITIVE_INFINITY) watched.delete(node);
      else next = Math.min(next, due);
    }
    arm(next);
  }

  return {
    nodes,
    get ignoredRetained() {
      return ignoredRetained;
    },
    receive,
    connected() {
      mayAsk = true;
      for (const { address } of registry.list('sparkplug')) {
        const [group = '', edge = ''] = address.split('/', 2);
        if (group !== '' && edge !== '' && !/[+#]/.test(group + edge)) findNode(group, edge);
      }
      // Births that come by themselves, because the node waited for our STATE, make the request unnecessary.
      const notBeforeMs = monotonic() + reorderMs;
      for (const node of nodes.values()) {
        if (!node.online) wantRebirth(node.rebirth, 'this host was not listening', notBeforeMs);
        watch(node);
      }
    },
    hush() {
      mayAsk = false;
    },
    disconnected() {
      mayAsk = false;
      const nowUs = clock() * 1000;
      for (const node of nodes.values()) {
        if (!node.online) continue;
        release(node);
        markNodeStale(node, intake.open(node.source), nowUs, registry);
        intake.handOver();
      }
    },
    close() {
      for (const node of nodes.values()) release(node);
      watched.clear();
      arm(Number.POSITIVE_INFINITY);
    },
  };
}
