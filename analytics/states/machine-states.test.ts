import { describe, expect, it } from 'vitest';
import { Role } from '../plant.ts';
import { listSilences, replayStates, type StateEvent } from './history.ts';
import {
  createStateMemory,
  fallSilent,
  hear,
  type Interval,
  loseState,
  type StateMemory,
  tellFault,
  tellMode,
  tellOrder,
  tellState,
} from './machine-states.ts';

const second = 1e6;
const limitUs = 30 * second;

/** A live machine that is told things in the given order, and the intervals it drew. */
function createMachine(): { memory: StateMemory; intervals: Map<number, Interval>; say: (text: string) => void } {
  const memory = createStateMemory();
  const intervals = new Map<number, Interval>();
  const sink = (startedUs: number, interval: Interval | null): void => {
    if (interval === null) intervals.delete(startedUs);
    else intervals.set(startedUs, interval);
  };
  return {
    memory,
    intervals,
    /** `10 state 6, 11 fault 7, 12 heard, 13 mode 2, 14 stale, 15 bad, 60 silent` */
    say(text) {
      for (const part of text.split(', ')) {
        const [at = '0', what, value = '0'] = part.split(' ');
        const timeUs = Number(at) * second;
        if (what === 'silent') fallSilent(memory, sink);
        else if (what === 'stale') loseState(memory, timeUs, sink);
        else {
          hear(memory, timeUs, limitUs, sink);
          if (what === 'state') tellState(memory, Number(value), timeUs, sink);
          else if (what === 'mode') tellMode(memory, Number(value), timeUs, sink);
          else if (what === 'order') tellOrder(memory, Number(value), timeUs, sink);
          else if (what === 'fault') tellFault(memory, Number(value), timeUs, sink);
          else if (what === 'bad') loseState(memory, timeUs, sink);
        }
      }
    },
  };
}

/** `0-10 running, 10- down:7` */
function show(intervals: Iterable<Interval>): string {
  return [...intervals]
    .toSorted((a, b) => a.started_us - b.started_us)
    .map(({ started_us, ended_us, state, fault_code }) => {
      const end = ended_us === null ? '' : ended_us / second;
      return `${started_us / second}-${end} ${state}${fault_code === null ? '' : `:${fault_code}`}`;
    })
    .join(', ');
}

function told(text: string): string {
  const machine = createMachine();
  machine.say(text);
  return show(machine.intervals.values());
}

describe('states', () => {
  it.each([
    [
      'one interval for each change',
      '0 state 6, 10 state 11, 15 state 6, 20 heard',
      '0-10 running, 10-15 held, 15- running',
    ],
    [
      'PackML states of one kind are one interval',
      '0 state 8, 3 state 9, 9 state 1, 12 state 2, 20 state 4',
      '0-20 down, 20- idle',
    ],
    ['a repeated state changes nothing', '0 state 6, 1 state 6, 2 state 6', '0- running'],
    [
      'maintenance mode is a planned stop',
      '0 state 6, 5 mode 2, 6 state 2, 9 mode 1',
      '0-5 running, 5-9 planned_stop, 9- down',
    ],
    [
      'maintenance of a machine that broke down is its repair: down until it has run',
      '0 state 6, 10 fault 7, 10 state 9, 15 mode 2, 20 fault 0, 25 state 4, 28 mode 1, 30 mode 2, 35 mode 1, 36 state 6, 45 mode 2',
      '0-10 running, 10-28 down:7, 28-30 idle, 30-35 down, 35-36 idle, 36-45 running, 45- planned_stop',
    ],
    [
      'maintenance after a stop without a fault is planned',
      '0 state 6, 10 state 2, 15 mode 2',
      '0-10 running, 10-15 down, 15- planned_stop',
    ],
    [
      'maintenance that is told with the abort is planned, whichever is told first',
      '0 state 6, 10 state 9, 10 mode 2',
      '0-10 running, 10- planned_stop',
    ],
    ['manual mode is a setup', '0 state 4, 5 mode 3', '0-5 idle, 5- setup'],
    [
      'a changeover lasts from the change of the order to the next run',
      '0 order 1, 0 state 6, 10 state 16, 12 order 2, 15 state 15, 20 state 3, 25 state 6, 30 state 4',
      '0-10 running, 10-12 idle, 12-25 setup, 25-30 running, 30- idle',
    ],
    [
      'an order that changes as the machine stops is a changeover, told before or after the state',
      '0 order 1, 0 state 6, 10 order 2, 10 state 4, 20 state 6, 30 state 4, 30 order 3',
      '0-10 running, 10-20 setup, 20-30 running, 30- setup',
    ],
    [
      'an order that changes while the machine runs is none',
      '0 order 1, 0 state 6, 5 order 2, 10 state 4',
      '0-10 running, 10- idle',
    ],
    ['the first order is no change', '0 state 6, 5 state 4, 6 order 1', '0-5 running, 5- idle'],
    [
      'a run without length ends no changeover: maintenance and the run end at one moment',
      '0 order 1, 0 state 6, 10 mode 2, 15 order 2, 20 mode 1, 20 state 4',
      '0-10 running, 10-20 planned_stop, 20- setup',
    ],
    [
      'whichever of the two is told first',
      '0 order 1, 0 state 6, 10 mode 2, 15 order 2, 20 state 4, 20 mode 1',
      '0-10 running, 10-20 planned_stop, 20- setup',
    ],
    [
      'a stop within a changeover is a stop',
      '0 order 1, 0 state 6, 5 state 4, 6 order 2, 8 state 9, 12 state 15, 20 state 6',
      '0-5 running, 5-6 idle, 6-8 setup, 8-12 down, 12-20 setup, 20- running',
    ],
    ['before the state is told nothing is known', '0 heard, 5 heard, 8 state 6', '0-8 no_data, 8- running'],
    [
      'a state that is no PackML state is not guessed',
      '0 state 6, 5 state 99, 6 state 6',
      '0-5 running, 5-6 no_data, 6- running',
    ],
    [
      'a fault that is there when the machine stops',
      '0 state 6, 4 fault 7, 5 state 9, 9 fault 0, 10 state 6',
      '0-5 running, 5-10 down:7, 10- running',
    ],
    ['a fault that comes while it is down', '0 state 9, 4 fault 7, 6 fault 8', '0- down:7'],
    ['a fault while running leaves no mark', '0 state 6, 4 fault 7, 5 fault 0, 6 state 2', '0-6 running, 6- down'],
  ])('%s', (_name, text, expected) => {
    expect(told(text)).toBe(expected);
  });
});

describe('silence', () => {
  it.each([
    [
      'longer than the limit is no_data from the last word',
      '0 state 6, 10 heard, 50 heard',
      '0-10 running, 10-50 no_data, 50- running',
    ],
    ['up to the limit is none', '0 state 6, 30 heard, 60 heard', '0- running'],
    ['is drawn while it lasts', '0 state 6, 10 heard, 45 silent', '0-10 running, 10- no_data'],
    [
      'is taken back when readings only took long to arrive',
      '0 state 6, 10 heard, 45 silent, 11 heard, 12 heard, 50 heard',
      '0-12 running, 12-50 no_data, 50- running',
    ],
    [
      'leaves nothing behind when it is taken back altogether',
      '0 state 6, 10 heard, 45 silent, 35 heard, 45 heard',
      '0- running',
    ],
    [
      'right after a change replaces the change',
      '0 state 6, 10 state 11, 55 silent, 60 heard',
      '0-10 running, 10-60 no_data, 60- held',
    ],
    [
      'the state told at its end holds from there',
      '0 state 6, 10 heard, 50 state 4',
      '0-10 running, 10-50 no_data, 50- idle',
    ],
  ])('%s', (_name, text, expected) => {
    expect(told(text)).toBe(expected);
  });
});

describe('quality', () => {
  it.each([
    [
      'a bad state is unknown at once',
      '0 state 6, 10 bad, 12 heard, 15 state 6',
      '0-10 running, 10-15 no_data, 15- running',
    ],
    [
      'a dead source is unknown from the last word',
      '0 state 6, 10 heard, 13 stale, 20 state 6',
      '0-10 running, 10-20 no_data, 20- running',
    ],
    [
      'a dead source that comes back at once leaves its silence',
      '0 state 6, 1 stale, 2 state 6',
      '0-2 no_data, 2- running',
    ],
  ])('%s', (_name, text, expected) => {
    expect(told(text)).toBe(expected);
  });
});

describe('replay from history', () => {
  it('gives what live processing gave, for a thousand random hours', () => {
    let seed = 7;
    const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
    for (let round = 0; round < 1000; round++) {
      const machine = createMachine();
      const times: number[] = [];
      const events: StateEvent[] = [];
      let at = 0;
      for (let step = 0; step < 60; step++) {
        at += random() < 0.1 ? 25 + Math.floor(random() * 20) : 1 + Math.floor(random() * 5);
        const kind = random();
        if (random() < 0.1) machine.say(`${at} silent`);
        times.push(at * second);
        if (kind < 0.3) {
          const value = [6, 11, 9, 2, 4, 5][Math.floor(random() * 6)] ?? 6;
          machine.say(`${at} state ${value}`);
          events.push({ kind: 'told', time_us: at * second, role: Role.state, value, stale: false });
        } else if (kind < 0.4) {
          const value = Math.floor(random() * 3);
          machine.say(`${at} fault ${value}`);
          events.push({ kind: 'told', time_us: at * second, role: Role.fault, value, stale: false });
        } else if (kind < 0.45) {
          machine.say(`${at} bad`);
          events.push({ kind: 'told', time_us: at * second, role: Role.state, value: Number.NaN, stale: false });
        } else {
          machine.say(`${at} heard`);
        }
      }
      const replay = replayStates([...listSilences(times, limitUs), ...events], limitUs);
      expect(show(replay.intervals), `round ${round}`).toBe(show(machine.intervals.values()));
    }
  });
});
