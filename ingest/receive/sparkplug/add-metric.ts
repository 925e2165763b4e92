import { Quality } from '../../../core/reading.ts';
import { readNumber, readValue } from '../../../core/sparkplug/metric-value.ts';
import { Flag, type PayloadColumns } from '../../../core/sparkplug/payload-columns.ts';
import { addReading, addRejected } from '../../resolve/add-reading.ts';
import type { RegisteredSignal } from '../../resolve/signal-registry.ts';
import type { SourceIntake } from '../receiver.ts';

/** One decoded message on its way into the intake of its source. */
export interface Message {
  bytes: Buffer;
  columns: PayloadColumns;
  into: SourceIntake;
  /** Time of receipt. */
  nowUs: number;
}

/**
 * Adds one metric of a message. `timeUs` is its time, NaN when neither the metric nor the payload has one. Answers
 * false for a transient metric, which the sender asks not to store.
 */
export function addMetric(
  message: Message,
  row: number,
  address: string,
  signal: RegisteredSignal | undefined,
  datatype: number,
  timeUs: number,
): boolean {
  const { columns, into } = message;
  const flags = columns.flags[row] as number;
  if ((flags & Flag.transient) !== 0) return false;
  const quality = qualityOf(columns.quality[row] as number);
  if (flags === 0) {
    // The usual case, tens of thousands of times a second: a number, now, and no option.
    const number = readNumber(columns, row, datatype);
    if (!Number.isNaN(number) && signal !== undefined) {
      addReading(into, address, signal, timeUs, number, quality, message.nowUs);
      return true;
    }
  }
  // A message of 500 bad metrics is kept once, not 500 times.
  const payload = into.rejected.at(-1)?.payload === message.bytes ? null : message.bytes;
  const historical = (flags & Flag.historical) !== 0;
  if ((flags & Flag.null) !== 0) {
    const nullQuality = quality === Quality.stale ? Quality.stale : Quality.bad;
    addReading(into, address, signal, timeUs, null, nullQuality, message.nowUs, { historical, payload });
    return true;
  }
  const value = readValue(message.bytes, columns, row, datatype);
  if (typeof value === 'object') {
    const more = signal === undefined ? { time_us: timeUs } : { time_us: timeUs, signal_id: signal.signal_id };
    addRejected(into, address, value.reason, value.detail, payload, more);
  } else {
    addReading(into, address, signal, timeUs, value, quality, message.nowUs, { historical, payload });
  }
  return true;
}

/** The metric's own time, else the time of sending, in µs; NaN when there is neither. */
export function timeOf(columns: PayloadColumns, row: number): number {
  const own = columns.time_ms[row] as number;
  return (Number.isNaN(own) ? columns.timestamp_ms : own) * 1000;
}

/**
 * Our quality for the property "Quality". The specification knows 0, 192 and 500; other numbers come from OPC servers
 * behind the edge node, whose two upper bits of eight say bad, uncertain or good.
 */
function qualityOf(property: number): Quality {
  if (property === -1 || property === Quality.good) return Quality.good;
  if (property === Quality.stale) return Quality.stale;
  if (property > 255) return Quality.bad;
  const upperBits = property & 0xc0;
  return upperBits === 0xc0 ? Quality.good : upperBits === 0x40 ? Quality.uncertain : Quality.bad;
}
