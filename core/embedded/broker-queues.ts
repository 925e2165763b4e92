import { Readable } from 'node:stream';

/** A message as aedes numbers it: `brokerCounter` is unique while the broker lives. */
export interface NumberedPacket {
  cmd: string;
  topic: string;
  payload: Buffer | string;
  brokerId: string;
  brokerCounter: number;
  messageId?: number;
}

interface SessionClient {
  id: string;
  clean: boolean;
}

/** The part of aedes' persistence (a public option of it) that queues messages for lasting sessions. */
export interface QueuePersistence {
  outgoingEnqueue(subscriber: { clientId: string }, packet: NumberedPacket): Promise<void>;
  outgoingEnqueueCombi(subscribers: { clientId: string }[], packet: NumberedPacket): Promise<void>;
  outgoingUpdate(client: SessionClient, packet: NumberedPacket): Promise<void>;
  outgoingClearMessageId(client: SessionClient, packet: { messageId?: number }): Promise<unknown>;
  outgoingStream(client: SessionClient): Readable;
}

export interface QueueEvents {
  /** The message has been queued for these sessions (perhaps none). */
  queued(counter: number, clientIds: string[]): void;
  /** The session has acknowledged its copy. */
  acknowledged(counter: number, clientId: string): void;
}

interface Entry {
  packet: NumberedPacket & { qos: 1; retain: false; dup: boolean };
  /** 0 until it is sent for the first time; the same for every further time (MQTT 3.1.1, 4.4). */
  messageId: number;
}

interface Session {
  /** By brokerCounter, oldest first. */
  entries: Map<number, Entry>;
  /** What may still be acknowledged, by message id. */
  underWay: Map<number, Entry>;
  bytes: number;
  lastId: number;
  /** Messages that wait for a free id: true when there is one, false when the connection has ended. */
  waiting: ((free: boolean) => void)[];
}

/** A minute of the reference plant with one reading a message; its sender is refused then. */
export const mostQueued = { messages: 100_000, bytes: 128 * 2 ** 20 };
/** A session of anybody else that stays away must not hold up the plant: it loses its oldest, as with mosquitto. */
const mostQueuedForOthers = { messages: 10_000, bytes: 16 * 2 ** 20 };
/** MQTT has 65,535 ids; half of them leave the search for a free one short. */
const mostUnderWay = 32_768;

/**
 * The queues of lasting sessions in memory, in place of aedes' own, which search the whole queue for each message and
 * each acknowledgement, and choose message ids that may still be under way: an acknowledgement of the new message then
 * removes the old one. Here an id is free before it is used, and an acknowledgement is of what was sent under it.
 * When the queue of `keeper` is full the message is refused, so that its publisher is not told that it was taken.
 */
export function createQueues(
  keeper: string | undefined,
  events: QueueEvents,
): QueuePersistence & { disconnected(clientId: string): void } {
  const sessions = new Map<string, Session>();
  let lastCounter = 0;

  function sessionOf(clientId: string): Session {
    let session = sessions.get(clientId);
    if (session === undefined) {
      session = { entries: new Map(), underWay: new Map(), bytes: 0, lastId: 0, waiting: [] };
      sessions.set(clientId, session);
    }
    return session;
  }

  function freeId(session: Session): number {
    do session.lastId = (session.lastId % 65_535) + 1;
    while (session.underWay.has(session.lastId));
    return session.lastId;
  }

  function forget(session: Session, counter: number): void {
    const entry = session.entries.get(counter);
    if (entry === undefined) return;
    session.entries.delete(counter);
    session.bytes -= entry.packet.payload.length;
  }

  function isFull(session: Session, more: number, most: typeof mostQueued): boolean {
    return session.entries.size >= most.messages || session.bytes + more > most.bytes;
  }

  async function enqueue(clientIds: string[], packet: NumberedPacket): Promise<void> {
    lastCounter = Math.max(lastCounter, packet.brokerCounter);
    const size = packet.payload.length;
    if (keeper !== undefined && clientIds.includes(keeper) && isFull(sessionOf(keeper), size, mostQueued)) {
      throw new Error(`The queue of the session ${keeper} is full; the publisher has to send the message again.`);
    }
    for (const clientId of clientIds) {
      const session = sessionOf(clientId);
      if (clientId !== keeper && isFull(session, size, mostQueuedForOthers)) {
        for (const oldest of session.entries.keys()) {
          forget(session, oldest);
          break;
        }
      }
      const { topic, payload, brokerId, brokerCounter } = packet;
      session.entries.set(brokerCounter, {
        // A message that meets a subscription is delivered with RETAIN 0, also when it is delivered later.
        packet: { cmd: 'publish', topic, payload, brokerId, brokerCounter, qos: 1, retain: false, dup: false },
        messageId: 0,
      });
      session.bytes += size;
    }
    events.queued(packet.brokerCounter, clientIds);
  }

  function* queuedUntil(session: Session, last: number): Generator<NumberedPacket> {
    for (const [counter, entry] of session.entries) {
      // What came after the session returned is delivered to its connection anyway.
      if (counter > last) return;
      entry.packet.dup = entry.messageId !== 0;
      yield entry.packet;
    }
  }

  return {
    outgoingEnqueue: ({ clientId }, packet) => enqueue([clientId], packet),
    // Overlapping subscriptions of one session are one copy.
    outgoingEnqueueCombi: (subscribers, packet) =>
      enqueue([...new Set(subscribers.map(({ clientId }) => clientId))], packet),

    /** aedes asks this before it sends a message; the id that stands in `packet` afterwards is sent. */
    async outgoingUpdate(client, packet) {
      if (packet.cmd !== 'publish') return;
      const session = sessionOf(client.id);
      while (session.underWay.size >= mostUnderWay) {
        const free = await new Promise<boolean>((resolve) => session.waiting.push(resolve));
        if (!free) throw new Error('The connection ended before the message could be sent.');
      }
      // Acknowledged in the meantime: sent once more, under an id of its own.
      const entry = session.entries.get(packet.brokerCounter) ?? { packet: packet as Entry['packet'], messageId: 0 };
      if (entry.messageId === 0) entry.messageId = freeId(session);
      session.underWay.set(entry.messageId, entry);
      packet.messageId = entry.messageId;
    },

    async outgoingClearMessageId(client, { messageId }) {
      if (messageId === undefined || client.clean) return undefined;
      const session = sessionOf(client.id);
      const entry = session.underWay.get(messageId);
      if (entry === undefined) return undefined;
      session.underWay.delete(messageId);
      const { brokerCounter } = entry.packet;
      if (session.entries.get(brokerCounter) === entry) {
        forget(session, brokerCounter);
        events.acknowledged(brokerCounter, client.id);
      }
      session.waiting.shift()?.(true);
      return entry.packet;
    },

    outgoingStream(client) {
      const session = sessions.get(client.id);
      if (client.clean) sessions.delete(client.id);
      if (session === undefined || client.clean) return Readable.from([]);
      // Acknowledgements of the connection before never come; what is queued keeps its ids.
      for (const [id, { packet }] of session.underWay) {
        if (!session.entries.has(packet.brokerCounter)) session.underWay.delete(id);
      }
      return Readable.from(queuedUntil(session, lastCounter));
    },

    disconnected(clientId) {
      for (const go of sessions.get(clientId)?.waiting.splice(0) ?? []) go(false);
    },
  };
}
