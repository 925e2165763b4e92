/** One message on its way: what it says, and how many readings that is. */
export interface EdgeMessage {
  topic: string;
  payload: string | Buffer;
  readings: number;
}

export interface EdgeBuffer {
  push(message: EdgeMessage): void;
  /** Hands over as much as may be under way; call it when the connection is back. */
  pump(): void;
  readonly counts: { sent: number; acknowledged: number; dropped: number; messages: number };
  /** Readings not acknowledged yet. */
  readonly waiting: number;
  /** Messages handed over and not acknowledged yet. */
  readonly underWay: number;
}

export interface EdgeBufferOptions {
  /** Sends one message and calls back when it is acknowledged, however long that takes, over any reconnects. */
  send: (message: EdgeMessage, onAcknowledged: () => void) => void;
  isConnected: () => boolean;
  /** Messages under way at once (MQTT allows 65,535; a real device has far less memory). */
  window?: number;
  /** Messages that wait while the broker is away; beyond that the oldest go. */
  capacity?: number;
}

/**
 * The memory of an edge device: bounded, first in first out, and a message leaves it only when the broker has
 * acknowledged it. When it is full, the oldest that is not under way is dropped and counted.
 */
export function createEdgeBuffer({
  send,
  isConnected,
  window = 1000,
  capacity = 50_000,
}: EdgeBufferOptions): EdgeBuffer {
  // Taken from the front by moving `first`, and cut now and then: shift() on a long array costs its length.
  let queue: EdgeMessage[] = [];
  let first = 0;
  let underWay = 0;
  let waiting = 0;
  const counts = { sent: 0, acknowledged: 0, dropped: 0, messages: 0 };

  function take(): EdgeMessage | undefined {
    const message = queue[first];
    if (message === undefined) return undefined;
    first++;
    if (first > 1024 && first * 2 > queue.length) {
      queue = queue.slice(first);
      first = 0;
    }
    return message;
  }
  function pump(): void {
    while (underWay < window && isConnected()) {
      const message = take();
      if (message === undefined) return;
      underWay++;
      counts.sent += message.readings;
      counts.messages++;
      send(message, () => {
        underWay--;
        waiting -= message.readings;
        counts.acknowledged += message.readings;
        pump();
      });
    }
  }

  return {
    push(message) {
      queue.push(message);
      waiting += message.readings;
      if (queue.length - first > capacity) {
        const dropped = take();
        counts.dropped += dropped?.readings ?? 0;
        waiting -= dropped?.readings ?? 0;
      }
      pump();
    },
    pump,
    counts,
    get waiting() {
      return waiting;
    },
    get underWay() {
      return underWay;
    },
  };
}
