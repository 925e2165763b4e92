import type { Aedes, Client } from 'aedes';
import { monotonic } from '../clock.ts';
import type { Log } from '../log.ts';
import { createQueues, type QueuePersistence } from './broker-queues.ts';

interface Packet {
  cmd: 'publish';
  topic: string;
  payload: Buffer | string;
  qos: 0 | 1 | 2;
  retain: boolean;
  messageId?: number;
}

type Done = (error?: Error | null) => void;

/** What aedes 1.2 has and its types leave out; broker.e2e.test.ts fails when a new version behaves otherwise. */
interface Inside {
  counter: number;
  persistence: QueuePersistence & {
    incomingDelPacket(client: Client, packet: { messageId: number }): Promise<unknown>;
  };
  publish(packet: Packet, client: Client | null | Done, done?: Done): void;
}

/** A publisher that has not been told yet that its message was taken. */
interface Hold {
  client: Client;
  messageId: number;
  since: number;
  /** QoS 2: goes on with the PUBREC. QoS 1 has none, its PUBACK is written here. */
  proceed: Done | undefined;
}

/** After so long without any acknowledgement of the keeper its publishers are closed, and one that waits six times so long. */
const patienceMs = 20_000;

/**
 * Makes a message's sender wait for its PUBACK until the session `keeper` (ingest's, which acknowledges what its journal
 * has on disk) has acknowledged its copy. aedes sends it before it has done anything with the message, so that a broker
 * that is killed would take what it has acknowledged with it. Messages go on being read meanwhile; only the PUBACK waits.
 * When it takes too long, or the queue is full, the publisher's connection is closed without one, and it sends again.
 * Messages that `keeper` has not subscribed to are acknowledged at once; until it has subscribed at all, none is taken.
 * Without a keeper, messages are acknowledged when they are queued.
 */
export function holdAcknowledgements(
  broker: Aedes,
  { keeper, log, limitMs = patienceMs }: { keeper: string | undefined; log: Log; limitMs?: number },
): void {
  const inside = broker as unknown as Inside;
  /** By the broker's number of the message, oldest first. */
  const holds = new Map<number, Hold>();
  /** QoS 1 messages on their way through aedes, which must not see their QoS. */
  const levelOne = new WeakSet<object>();
  const answers = new Map<Client, number[]>();
  let early: { since: number; take: () => void; refuse: () => void }[] | undefined =
    keeper === undefined ? undefined : [];
  let lastAcknowledgedAt = 0;

  const queues = createQueues(keeper, {
    queued(counter, clientIds) {
      if (keeper === undefined || !clientIds.includes(keeper)) release(counter);
    },
    acknowledged(counter, clientId) {
      if (clientId !== keeper) return;
      lastAcknowledgedAt = monotonic();
      release(counter);
    },
  });
  Object.assign(inside.persistence, queues);

  function release(counter: number): void {
    const hold = holds.get(counter);
    if (hold === undefined) return;
    holds.delete(counter);
    if (hold.client.closed) return;
    if (hold.proceed !== undefined) {
      hold.proceed();
      return;
    }
    const ids = answers.get(hold.client);
    if (ids !== undefined) {
      ids.push(hold.messageId);
      return;
    }
    answers.set(hold.client, [hold.messageId]);
    if (answers.size === 1) setImmediate(answer);
  }

  /** Writes the PUBACKs of one turn of the event loop, one write a publisher. */
  function answer(): void {
    for (const [client, ids] of answers) {
      if (client.closed) continue;
      const bytes = Buffer.allocUnsafe(4 * ids.length);
      for (const [index, id] of ids.entries()) bytes.writeUInt32BE(0x4002_0000 + id, 4 * index);
      client.conn.write(bytes);
    }
    answers.clear();
  }

  const authorize = broker.authorizePublish;
  broker.authorizePublish = (client, packet, done) => {
    const take = (): void =>
      authorize.call(broker, client, packet, (error) => {
        // A will has no message id and nobody who waits. Of a QoS 1 message aedes must believe that it is QoS 0.
        if (error == null && packet.qos === 1 && packet.messageId !== undefined) {
          levelOne.add(packet);
          packet.qos = 0;
        }
        done(error);
      });
    // Births and deaths of Sparkplug are QoS 0 and healed by its own rules.
    if (early === undefined || packet.qos === 0) take();
    else early.push({ since: monotonic(), take, refuse: () => done(new Error(`The session ${keeper} is not there.`)) });
  };

  const publish = inside.publish;
  inside.publish = (packet, clientOrDone, whenDone) => {
    const client = typeof clientOrDone === 'function' ? null : clientOrDone;
    const done = (typeof clientOrDone === 'function' ? clientOrDone : whenDone) ?? (() => undefined);
    // A turn each: aedes numbers a message before its steps and drops what is numbered below the last one that it has
    // delivered, so that a QoS 0 message between two steps of another would lose that one.
    setImmediate(() => {
      const held = levelOne.has(packet) || packet.qos === 2;
      if (client === null || !held || packet.messageId === undefined) {
        publish.call(broker, packet, client, done);
        return;
      }
      const counter = ++inside.counter;
      const { messageId, topic, payload, retain } = packet;
      const proceed = packet.qos === 2 ? done : undefined;
      holds.set(counter, { client, messageId, since: monotonic(), proceed });
      // aedes would deliver a QoS 2 message with QoS 2 whatever was subscribed; sessions here know 1 at most.
      const numbered = {
        cmd: packet.cmd,
        topic,
        payload,
        retain,
        qos: 1,
        brokerId: broker.id,
        brokerCounter: counter,
      } as const;
      publish.call(broker, numbered, client, (error) => {
        if (error != null) holds.delete(counter);
        if (error != null || proceed === undefined) done(error);
      });
    });
  };

  // Retained messages are sent without asking the queue for an id; at QoS 0 they need none.
  broker.authorizeForward = (client, packet) => (packet.retain && !client.clean ? { ...packet, qos: 0 } : packet);

  broker.on('subscribe', (_subscriptions, client) => {
    if (client.id !== keeper || client.clean) return;
    const waiting = early ?? [];
    early = undefined;
    for (const { take } of waiting) take();
  });
  broker.on('clientDisconnect', (client) => {
    queues.disconnected(client.id);
    // aedes would answer a QoS 2 message that comes again as one that it has taken.
    for (const hold of holds.values()) {
      if (hold.client === client && hold.proceed !== undefined)
        inside.persistence.incomingDelPacket(client, hold).catch(() => undefined);
    }
  });

  function giveUp(): void {
    const at = monotonic();
    while (early?.[0] !== undefined && at - early[0].since > limitMs) early.shift()?.refuse();
    const patience = at - lastAcknowledgedAt < limitMs ? 6 * limitMs : limitMs;
    let closed = 0;
    for (const [counter, hold] of holds) {
      if (at - hold.since < patience) break;
      holds.delete(counter);
      if (hold.client.closed) continue;
      closed++;
      hold.client.close();
    }
    if (closed > 0) log.warn({ closed, session: keeper }, 'publishers are closed: what they sent is not acknowledged');
  }
  const timer = setInterval(giveUp, Math.min(1000, limitMs / 4));
  timer.unref();
  broker.on('closed', () => clearInterval(timer));
}
