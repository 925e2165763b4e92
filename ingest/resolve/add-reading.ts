import { toTimestamp } from '../../core/clock.ts';
import { isUsable, type RejectReason } from '../../core/reading.ts';
import { appendReading } from '../../core/reading-columns.ts';
import type { SourceIntake } from '../receive/receiver.ts';
import { fits, mostAddressBytes, safeText } from './safe-text.ts';
import { keepValue } from './kept-value.ts';
import type { RegisteredSignal } from './signal-registry.ts';
import { maxTextLength, readSignalValue, show, type WireValue } from './signal-value.ts';

/**
 * Clocks that were never set show 1601 (Windows), 1970 (Unix), 1980 (FAT) or 1990-01-01 (Siemens DATE); no plant
 * history that anyone wants is older. Microseconds since the Unix epoch.
 */
export const earliestTimeUs = Date.UTC(1990, 0, 2) * 1000;

export const hourUs = 3_600_000_000;

/**
 * Adds one reading to the open intake of its source and counts it: to the readings, to the texts, to the parked ones
 * when `signal` is undefined, or to the rejected ones with the reason. Never throws, whatever the sender sent.
 *
 * `timeUs` is the source time in µs since the epoch; NaN means that the source gave none, then `nowUs` (the receive
 * time) is used and counted as untimed. A rejection keeps the value, or `payload` where that is a number.
 */
export function addReading(
  into: SourceIntake,
  address: string,
  signal: RegisteredSignal | undefined,
  timeUs: number,
  value: WireValue,
  quality: number,
  nowUs: number,
  options: { historical?: boolean; payload?: Uint8Array | null } = noOptions,
): void {
  into.received++;
  const payload = options.payload ?? null;
  let time_us = timeUs;
  if (Number.isNaN(timeUs)) {
    into.untimed++;
    time_us = nowUs;
  } else if (timeUs < earliestTimeUs) {
    reject(
      into,
      address,
      'zero_time',
      `The time is ${showTime(timeUs)}; accepted is 1990-01-02 or later (is the device's clock set?).`,
      signal,
      timeUs,
      value,
      payload,
      quality,
    );
    return;
  } else if (timeUs > nowUs + into.far_future_hours * hourUs) {
    reject(
      into,
      address,
      'far_future',
      `The time is ${showTime(timeUs)}; accepted is up to ${into.far_future_hours} hours ahead of the gateway's clock, ${showTime(nowUs)}.`,
      signal,
      timeUs,
      value,
      payload,
      quality,
    );
    return;
  }
  if (signal === undefined) {
    park(into, address, time_us, value, quality, payload);
    return;
  }
  const stored = readSignalValue(signal.kind, value, quality);
  if (typeof stored === 'number') {
    appendReading(
      options.historical === true ? into.historical : into.live,
      time_us,
      signal.signal_id,
      stored,
      quality,
    );
  } else if (typeof stored === 'string') {
    into.texts.push({
      signal_id: signal.signal_id,
      time_us,
      text: stored,
      quality,
      historical: options.historical === true,
    });
  } else {
    reject(into, address, stored.reason, stored.detail, signal, time_us, value, payload, quality);
  }
}

/** Counts a reading or a whole message that cannot be read, and keeps it with the reason. `detail` is one sentence. */
export function addRejected(
  into: SourceIntake,
  address: string,
  reason: RejectReason,
  detail: string,
  payload: Uint8Array | null,
  more: { signal_id?: number; time_us?: number; value?: number } = {},
): void {
  into.received++;
  into.rejected.push({
    readings: 1,
    address: safeText(address, 1024),
    reason,
    detail: safeText(detail, 1024),
    signal_id: more.signal_id ?? null,
    time_us: more.time_us ?? Number.NaN,
    value: more.value ?? Number.NaN,
    payload,
  });
}

/** Counts a reading that was read and cannot be taken as things are, and keeps all that a replay needs of it. */
export function addRefused(
  into: SourceIntake,
  address: string,
  reason: RejectReason,
  detail: string,
  { time_us, value, quality }: { time_us: number; value: WireValue; quality: number },
): void {
  into.received++;
  reject(into, address, reason, detail, undefined, time_us, value, null, quality);
}

/** Counts readings (or messages) that the protocol's numbering says were sent and never arrived. */
export function addLost(into: SourceIntake, count: number): void {
  into.lost_upstream += count;
}

const noOptions = {};

function park(
  into: SourceIntake,
  address: string,
  time_us: number,
  value: WireValue,
  quality: number,
  payload: Uint8Array | null,
): void {
  if (!fits(address, mostAddressBytes) || address.includes('\u0000')) {
    reject(
      into,
      address,
      'wrong_topic',
      `The address "${show(address)}" has ${Buffer.byteLength(address)} bytes; accepted are up to ${mostAddressBytes}, without U+0000.`,
      undefined,
      time_us,
      value,
      payload,
      quality,
    );
    return;
  }
  const text = typeof value === 'string' ? value : typeof value === 'bigint' ? String(value) : null;
  if (text !== null && text.length > maxTextLength) {
    reject(
      into,
      address,
      'text_too_long',
      `The text ${show(text)} is ${text.length} characters long; accepted are up to ${maxTextLength}.`,
      undefined,
      time_us,
      value,
      payload,
      quality,
    );
    return;
  }
  if ((value === null || (typeof value === 'number' && !Number.isFinite(value))) && isUsable(quality)) {
    reject(
      into,
      address,
      'missing_value',
      `The value is ${String(value)}; accepted is a number, a boolean, a text, or null with quality "bad".`,
      undefined,
      time_us,
      value,
      payload,
      quality,
    );
    return;
  }
  const number = typeof value === 'number' ? value : typeof value === 'boolean' ? Number(value) : Number.NaN;
  const parkedText = text === null ? null : safeText(text, maxTextLength);
  into.parked.push({ address: address.toWellFormed(), time_us, value: number, text: parkedText, quality });
}

function reject(
  into: SourceIntake,
  address: string,
  reason: RejectReason,
  detail: string,
  signal: RegisteredSignal | undefined,
  time_us: number,
  value: WireValue,
  payload: Uint8Array | null,
  quality: number,
): void {
  into.rejected.push({
    readings: 1,
    address: safeText(address, 1024),
    reason,
    detail: safeText(detail, 1024),
    signal_id: signal?.signal_id ?? null,
    time_us,
    value: typeof value === 'number' ? value : typeof value === 'boolean' ? Number(value) : Number.NaN,
    payload: keepValue(value) ?? payload,
    quality,
  });
}

function showTime(timeUs: number): string {
  const ms = timeUs / 1000;
  return Math.abs(ms) <= 8.64e15 ? toTimestamp(ms) : `${timeUs} µs since 1970`;
}
