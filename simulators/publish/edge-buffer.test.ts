import { describe, expect, it } from 'vitest';
import { createEdgeBuffer, type EdgeMessage } from './edge-buffer.ts';

const message = (topic: string): EdgeMessage => ({ topic, payload: '', readings: 2 });

function open(capacity: number, window: number) {
  const state = { connected: true };
  const onWire: { message: EdgeMessage; acknowledge: () => void }[] = [];
  const buffer = createEdgeBuffer({
    send: (sent, acknowledge) => onWire.push({ message: sent, acknowledge }),
    isConnected: () => state.connected,
    capacity,
    window,
  });
  return { state, onWire, buffer, topics: () => onWire.map((each) => each.message.topic) };
}

describe('the edge buffer', () => {
  it('has at most a window under way and goes on with each acknowledgement, in order', () => {
    const { buffer, onWire, topics } = open(100, 2);
    for (const topic of ['a', 'b', 'c', 'd']) buffer.push(message(topic));
    expect(topics()).toEqual(['a', 'b']);
    expect([buffer.waiting, buffer.underWay]).toEqual([8, 2]);
    onWire[0]?.acknowledge();
    expect(topics()).toEqual(['a', 'b', 'c']);
    expect(buffer.counts).toEqual({ sent: 6, acknowledged: 2, dropped: 0, messages: 3 });
  });

  it('keeps what it cannot send, drops the oldest of it when full, and counts that', () => {
    const { buffer, state, topics } = open(3, 10);
    state.connected = false;
    for (const topic of ['a', 'b', 'c', 'd', 'e']) buffer.push(message(topic));
    expect(topics()).toEqual([]);
    expect(buffer.counts.dropped).toBe(4);
    state.connected = true;
    buffer.pump();
    expect(topics()).toEqual(['c', 'd', 'e']);
    expect(buffer.waiting).toBe(6);
  });

  it('keeps its order over thousands of messages', () => {
    const { buffer, onWire, topics } = open(10_000, 1);
    for (let index = 0; index < 5000; index++) buffer.push(message(String(index)));
    for (let index = 0; index < 5000; index++) onWire[index]?.acknowledge();
    expect(topics()).toEqual(Array.from({ length: 5000 }, (_, index) => String(index)));
    expect([buffer.waiting, buffer.underWay]).toEqual([0, 0]);
  });
});
