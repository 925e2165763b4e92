/**
 * Which tab of this browser holds the one live stream. HTTP/1.1 allows six connections to a server, so the seventh tab
 * with a stream of its own could not even load (measured). The tabs agree over a BroadcastChannel: one leads and passes
 * on what it receives, the others listen. Web Locks would be shorter, but exist only on https and localhost, and plants
 * run http://plant-server:8080. Pure: messages and timers come in, messages and orders go out.
 */
export type Message =
  | { kind: 'hello'; from: string }
  | { kind: 'claim'; from: string; term: number; visible: boolean }
  | { kind: 'lead'; from: string; term: number; visible: boolean }
  | { kind: 'resign'; from: string; term: number };

export interface Seat {
  readonly id: string;
  readonly role: 'waiting' | 'claiming' | 'leading' | 'following';
  readonly term: number;
  readonly leader: string | null;
  /** When the present role must be reconsidered, in ms of the caller's clock. */
  readonly deadline: number;
  readonly visible: boolean;
}

export interface Turn {
  seat: Seat;
  send: Message[];
}

/** A new tab asks who leads, and claims when nobody answers for so long. */
export const helloMs = 250;
/** A claim nobody contests for so long makes a leader. */
export const claimMs = 150;
/** A leader says so this often; timers of hidden tabs run once a minute, hence the stream's own beats count as well. */
export const leadMs = 5000;
/** A leader that is silent for so long has died or has been frozen. */
export const silenceMs = 15_000;

export function takeSeat(id: string, nowMs: number, visible: boolean): Turn {
  return {
    seat: { id, role: 'waiting', term: 0, leader: null, deadline: nowMs + helloMs, visible },
    send: [{ kind: 'hello', from: id }],
  };
}

/** What a tab does about a message of another. */
export function hear(seat: Seat, message: Message, nowMs: number): Turn {
  if (message.from === seat.id) return { seat, send: [] };
  switch (message.kind) {
    case 'hello':
      return { seat, send: seat.role === 'leading' ? [lead(seat)] : [] };
    case 'lead':
      // Two leaders can meet after one was frozen: the higher term wins, and of equals the smaller id.
      if (seat.role === 'leading' && !outranks(message, seat)) return { seat, send: [lead(seat)] };
      return follow(seat, message, nowMs);
    case 'claim':
      if (seat.role === 'leading' && message.term <= seat.term) return { seat, send: [lead(seat)] };
      if (seat.role === 'claiming' && !outranks(message, seat)) return { seat, send: [claim(seat)] };
      // Wait for the claimant to become the leader.
      return {
        seat: {
          ...seat,
          role: 'waiting',
          term: Math.max(seat.term, message.term),
          leader: null,
          deadline: nowMs + claimMs * 4,
        },
        send: [],
      };
    case 'resign':
      if (seat.leader !== message.from) return { seat, send: [] };
      // Visible tabs claim first: timers and, when frozen, whole hidden tabs stand still.
      return {
        seat: { ...seat, role: 'waiting', leader: null, deadline: nowMs + (seat.visible ? 0 : claimMs * 2) },
        send: [],
      };
  }
}

/** What a tab does when its deadline has passed. Earlier calls change nothing. */
export function tick(seat: Seat, nowMs: number): Turn {
  if (nowMs < seat.deadline) return { seat, send: [] };
  switch (seat.role) {
    case 'waiting':
    case 'following': {
      const claiming: Seat = {
        ...seat,
        role: 'claiming',
        term: seat.term + 1,
        leader: null,
        deadline: nowMs + claimMs,
      };
      return { seat: claiming, send: [claim(claiming)] };
    }
    case 'claiming':
    case 'leading': {
      const leading: Seat = { ...seat, role: 'leading', leader: seat.id, deadline: nowMs + leadMs };
      return { seat: leading, send: [lead(leading)] };
    }
  }
}

/** A follower heard the leader pass on an event: it is alive. */
export function heardLeader(seat: Seat, nowMs: number): Seat {
  return seat.role === 'following' ? { ...seat, deadline: nowMs + silenceMs } : seat;
}

/** The tab closes. Only a leader has something to say. */
export function leave(seat: Seat): Message[] {
  return seat.role === 'leading' ? [{ kind: 'resign', from: seat.id, term: seat.term }] : [];
}

function follow(seat: Seat, message: { from: string; term: number }, nowMs: number): Turn {
  if (message.term < seat.term && seat.role === 'following') return { seat, send: [] };
  return {
    seat: { ...seat, role: 'following', term: message.term, leader: message.from, deadline: nowMs + silenceMs },
    send: [],
  };
}

function outranks(message: { from: string; term: number }, seat: Seat): boolean {
  return message.term > seat.term || (message.term === seat.term && message.from < seat.id);
}

function lead(seat: Seat): Message {
  return { kind: 'lead', from: seat.id, term: seat.term, visible: seat.visible };
}

function claim(seat: Seat): Message {
  return { kind: 'claim', from: seat.id, term: seat.term, visible: seat.visible };
}
