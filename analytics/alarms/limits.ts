import type { Columns } from '../feed/pack-columns.ts';
import { type Plant, Role } from '../plant.ts';

/** The four limits of a signal in the order of the columns. */
export const limitKinds = ['limit_low_low', 'limit_low', 'limit_high', 'limit_high_high'] as const;
export type LimitKind = (typeof limitKinds)[number];

const Phase = { inactive: 0, pending: 1, firing: 2, returning: 3 } as const;

/**
 * Quantities that are near zero when a machine stands still. Their lowest limit is watched only while it runs; the
 * outer limits of everything else are watched always.
 */
const zeroAtStandstill = new Set(['speed', 'torque', 'current', 'power', 'flow', 'vibration', 'acoustic', 'pressure']);

/** Four limit alarms of every signal: configuration from the plant, and what each remembers (four values a slot). */
export interface Limits {
  limit: Float64Array;
  deadband: Float64Array;
  on_delay_us: Float64Array;
  off_delay_us: Float64Array;
  /** 1: watched also while the machine does not run. */
  always: Uint8Array;
  /** A gap this long between two good samples starts a delay anew: nobody saw the condition, or its end, persist. */
  gap_us: Float64Array;
  memory: {
    phase: Uint8Array;
    /** Since when pending or returning. */
    since_us: Float64Array;
    peak: Float64Array;
  } & Columns;
}

export interface LimitChange {
  kind: LimitKind;
  raised: boolean;
  /** Source time at which the condition began or ended. */
  at_us: number;
  limit: number;
  /** The value that raised it; on return the worst one. */
  value: number;
}

export function createLimits(plant: Plant): Limits {
  const size = plant.signals.length * 4;
  const limits: Limits = {
    limit: new Float64Array(size).fill(Number.NaN),
    deadband: new Float64Array(plant.signals.length),
    on_delay_us: new Float64Array(plant.signals.length),
    off_delay_us: new Float64Array(plant.signals.length),
    always: new Uint8Array(size),
    gap_us: new Float64Array(plant.signals.length),
    memory: { phase: new Uint8Array(size), since_us: new Float64Array(size), peak: new Float64Array(size) },
  };
  for (const [slot, signal] of plant.signals.entries()) {
    if (signal.role !== Role.measurement) continue;
    limits.limit.set(signal.limits, slot * 4);
    limits.deadband[slot] = signal.deadband;
    limits.on_delay_us[slot] = signal.on_delay_us;
    limits.off_delay_us[slot] = signal.off_delay_us;
    limits.gap_us[slot] = Math.max(5 * signal.expected_interval_seconds, 30) * 1e6;
    limits.always[slot * 4] = zeroAtStandstill.has(signal.quantity) ? 0 : 1;
    limits.always[slot * 4 + 3] = 1;
  }
  return limits;
}

/**
 * One good sample, in order of source time. A high alarm begins when the value has been at or above its limit for the
 * on-delay, and ends when it has been below limit − deadband for the off-delay (ISA-18.2; low alarms mirrored).
 * `running`: the machine runs and has settled; without that the inner limits neither begin nor stay pending. An alarm
 * that fires goes on until its value returns, whether the machine runs or not. `lastUs`: time of the good sample before.
 */
export function observeLimits(
  limits: Limits,
  slot: number,
  timeUs: number,
  value: number,
  running: boolean,
  lastUs: number,
  sink: (change: LimitChange) => void,
): void {
  const { phase, since_us: since, peak } = limits.memory;
  for (let kind = 0; kind < 4; kind++) {
    const cell = slot * 4 + kind;
    const limit = limits.limit[cell] ?? Number.NaN;
    if (Number.isNaN(limit)) continue;
    const high = kind >= 2;
    const beyond = high ? value >= limit : value <= limit;
    const at = phase[cell];
    if (at === Phase.inactive && !beyond) continue;
    if (at === Phase.inactive || at === Phase.pending) {
      if (!beyond || !(running || limits.always[cell] === 1)) {
        phase[cell] = Phase.inactive;
        continue;
      }
      if (at === Phase.inactive || timeUs - lastUs > (limits.gap_us[slot] ?? 0)) {
        phase[cell] = Phase.pending;
        since[cell] = timeUs;
      }
      const began = since[cell] ?? timeUs;
      if (timeUs - began >= (limits.on_delay_us[slot] ?? 0)) {
        phase[cell] = Phase.firing;
        peak[cell] = value;
        sink({ kind: limitKinds[kind] ?? 'limit_high', raised: true, at_us: began, limit, value });
      }
      continue;
    }
    const worst = peak[cell] ?? value;
    if (high ? value > worst : value < worst) peak[cell] = value;
    const deadband = limits.deadband[slot] ?? 0;
    const back = high ? value < limit - deadband : value > limit + deadband;
    if (!back) {
      phase[cell] = Phase.firing;
      continue;
    }
    if (at === Phase.firing || timeUs - lastUs > (limits.gap_us[slot] ?? 0)) {
      phase[cell] = Phase.returning;
      since[cell] = timeUs;
    }
    const ended = since[cell] ?? timeUs;
    if (timeUs - ended >= (limits.off_delay_us[slot] ?? 0)) {
      phase[cell] = Phase.inactive;
      sink({ kind: limitKinds[kind] ?? 'limit_high', raised: false, at_us: ended, limit, value: peak[cell] ?? value });
    }
  }
}

/** An alarm that is active in the database fires here too, so that it can return; for a memory that was lost. */
export function resumeLimit(limits: Limits, slot: number, kind: LimitKind, peak: number): void {
  const cell = slot * 4 + limitKinds.indexOf(kind);
  limits.memory.phase[cell] = Phase.firing;
  limits.memory.peak[cell] = peak;
}

/** Ends alarms whose limit was taken away while they fired; called after the plant was read anew. */
export function dropLostLimits(
  limits: Limits,
  atUs: (slot: number) => number,
  sink: (slot: number, change: LimitChange) => void,
): void {
  const { phase, peak } = limits.memory;
  for (const [cell, at] of phase.entries()) {
    if (at === Phase.inactive || !Number.isNaN(limits.limit[cell] ?? Number.NaN)) continue;
    phase[cell] = Phase.inactive;
    if (at === Phase.pending) continue;
    const slot = Math.floor(cell / 4);
    sink(slot, {
      kind: limitKinds[cell % 4] ?? 'limit_high',
      raised: false,
      at_us: atUs(slot),
      limit: Number.NaN,
      value: peak[cell] ?? Number.NaN,
    });
  }
}
