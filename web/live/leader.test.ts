import { describe, expect, test } from 'vitest';
import {
  claimMs,
  hear,
  heardLeader,
  helloMs,
  leave,
  type Message,
  type Seat,
  silenceMs,
  takeSeat,
  tick,
} from './leader.ts';

/** A browser: tabs that hear each other after `delayMs`, and a clock that moves when the test says so. */
function browser(delayMs = 2) {
  const tabs = new Map<string, Seat>();
  const frozen = new Set<string>();
  let onTheWay: { at: number; message: Message }[] = [];
  let now = 0;

  function apply(id: string, turn: { seat: Seat; send: Message[] }): void {
    tabs.set(id, turn.seat);
    for (const message of turn.send) onTheWay.push({ at: now + delayMs, message });
  }

  return {
    open(id: string, visible = true) {
      apply(id, takeSeat(id, now, visible));
    },
    close(id: string, orderly: boolean) {
      const seat = tabs.get(id) as Seat;
      tabs.delete(id);
      if (orderly) for (const message of leave(seat)) onTheWay.push({ at: now + delayMs, message });
    },
    freeze: (id: string) => frozen.add(id),
    thaw: (id: string) => frozen.delete(id),
    run(ms: number) {
      for (const until = now + ms; now < until; now++) {
        const due = onTheWay.filter(({ at }) => at <= now);
        onTheWay = onTheWay.filter(({ at }) => at > now);
        for (const { message } of due)
          for (const [id, seat] of tabs)
            if (!frozen.has(id) && id !== message.from) apply(id, hear(seat, message, now));
        for (const [id, seat] of tabs) if (!frozen.has(id)) apply(id, tick(seat, now));
      }
    },
    leaders: () => [...tabs.values()].filter((seat) => seat.role === 'leading').map((seat) => seat.id),
    seat: (id: string) => tabs.get(id) as Seat,
  };
}

describe('one stream per browser', () => {
  test('a lone tab leads within half a second', () => {
    const tabs = browser();
    tabs.open('a');
    tabs.run(helloMs + claimMs + 10);
    expect(tabs.leaders()).toEqual(['a']);
  });

  test('ten tabs opened at once by a restored session agree on one', () => {
    const tabs = browser(20);
    for (const id of 'jihgfedcba') tabs.open(id);
    tabs.run(2000);
    expect(tabs.leaders()).toHaveLength(1);
    const leader = tabs.leaders()[0];
    for (const id of 'jihgfedcba') expect(tabs.seat(id).leader).toBe(leader);
  });

  test('a new tab follows at once and disturbs nobody', () => {
    const tabs = browser();
    tabs.open('m');
    tabs.run(1000);
    tabs.open('a');
    tabs.run(10);
    expect(tabs.seat('a')).toMatchObject({ role: 'following', leader: 'm' });
    tabs.run(60_000);
    expect(tabs.leaders()).toEqual(['m']);
  });

  test('when the leading tab is closed, another leads within a second', () => {
    const tabs = browser();
    for (const id of 'abc') tabs.open(id);
    tabs.run(2000);
    const leader = tabs.leaders()[0] as string;
    tabs.close(leader, true);
    tabs.run(1000);
    expect(tabs.leaders()).toHaveLength(1);
    expect(tabs.leaders()).not.toContain(leader);
  });

  test('when it crashes without a word, another leads after the silence', () => {
    const tabs = browser();
    for (const id of 'abc') tabs.open(id);
    tabs.run(2000);
    tabs.close(tabs.leaders()[0] as string, false);
    tabs.run(silenceMs - 1000);
    tabs.run(3000);
    expect(tabs.leaders()).toHaveLength(1);
  });

  test('a frozen leader that wakes up steps down', () => {
    const tabs = browser();
    for (const id of 'abc') tabs.open(id);
    tabs.run(2000);
    const first = tabs.leaders()[0] as string;
    tabs.freeze(first);
    tabs.run(silenceMs + 2000);
    expect(tabs.leaders()).toHaveLength(2);
    tabs.thaw(first);
    tabs.run(6000);
    expect(tabs.leaders()).toHaveLength(1);
    expect(tabs.leaders()).not.toContain(first);
  });

  test('a visible tab takes over before a hidden one', () => {
    const tabs = browser();
    tabs.open('m');
    tabs.run(1000);
    tabs.open('a', false);
    tabs.open('b', true);
    tabs.run(1000);
    tabs.close('m', true);
    tabs.run(1000);
    expect(tabs.leaders()).toEqual(['b']);
  });

  test('events passed on keep a leader whose own timers are throttled', () => {
    const following: Seat = { id: 'b', role: 'following', term: 1, leader: 'a', deadline: 15_000, visible: true };
    expect(tick(heardLeader(following, 14_000), 20_000).seat.role).toBe('following');
    expect(tick(following, 20_000).seat.role).toBe('claiming');
  });
});
