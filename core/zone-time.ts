/** The clocks of one IANA time zone. A local time is given in milliseconds as if its figures were UTC. */
export interface ZoneTime {
  /** How far the clocks are ahead of UTC at an instant, in milliseconds (negative in America). */
  offsetAt(utcMs: number): number;
  /**
   * The instant at which the clocks show a local time. One that a change to summer time skips is taken as much later as
   * the clocks were moved; of one that comes twice in autumn the first is taken. Both as Temporal's "compatible" rule.
   */
  toUtc(localMs: number): number;
}

const dayMs = 86_400_000;
// Clocks change at full quarters of an hour, and asking Intl takes 2 µs: too long for each of a million rows.
const quarterMs = 900_000;

const zones = new Map<string, ZoneTime>();

/** The clocks of a zone, opened once. Throws a RangeError when there is no such zone. */
export function zoneTime(zone: string): ZoneTime {
  let opened = zones.get(zone);
  if (opened === undefined) zones.set(zone, (opened = openZone(zone)));
  return opened;
}

function openZone(zone: string): ZoneTime {
  if (zone === 'UTC') return { offsetAt: () => 0, toUtc: (localMs) => localMs };
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });

  const offsetAt = keptByQuarter((utcMs) => {
    const parts = Object.fromEntries(format.formatToParts(utcMs).map(({ type, value }) => [type, Number(value)]));
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second) - utcMs;
  });
  const localOffset = keptByQuarter((localMs) => {
    const before = offsetAt(localMs - dayMs);
    const after = offsetAt(localMs + dayMs);
    // With the offset from before a change, a skipped time falls behind the change and a doubled one on its first coming.
    return [before, after].find((offset) => offsetAt(localMs - offset) === offset) ?? before;
  });
  return { offsetAt, toUtc: (localMs) => localMs - localOffset(localMs) };
}

function keptByQuarter(compute: (ms: number) => number): (ms: number) => number {
  const kept = new Map<number, number>();
  return (ms) => {
    const quarter = Math.floor(ms / quarterMs);
    let value = kept.get(quarter);
    if (value === undefined) kept.set(quarter, (value = compute(quarter * quarterMs)));
    return value;
  };
}
