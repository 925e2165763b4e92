/** When a shift is worked: minutes of the local day, and the ISO weekdays on which it starts. */
export interface ShiftTime {
  name: string;
  weekdays: readonly number[];
  start: number;
  end: number;
}

const dayMinutes = 1440;
const weekMinutes = 7 * dayMinutes;

/**
 * Pairs of shifts of one site that are worked at the same time in some week, as positions of the list, the earlier
 * position first. A site has one shift at a time: an hour of a machine that belonged to two had no place in OEE, and
 * stopped that of every plant.
 */
export function findShiftOverlaps(shifts: readonly ShiftTime[]): [earlier: number, later: number][] {
  const pairs: [number, number][] = [];
  for (const [later, shift] of shifts.entries()) {
    for (const [earlier, other] of shifts.slice(0, later).entries()) {
      if (overlap(shift, other)) pairs.push([earlier, later]);
    }
  }
  return pairs;
}

function overlap(one: ShiftTime, other: ShiftTime): boolean {
  return one.weekdays.some((day) =>
    other.weekdays.some((otherDay) => {
      // How far the other begins after this one, round the week, so that Sunday's night meets Monday's morning.
      const after = (startOfWeek(other, otherDay) - startOfWeek(one, day) + weekMinutes) % weekMinutes;
      return after < lengthOf(one) || weekMinutes - after < lengthOf(other);
    }),
  );
}

function startOfWeek(shift: ShiftTime, day: number): number {
  return day * dayMinutes + shift.start;
}

function lengthOf({ start, end }: ShiftTime): number {
  return (end - start + dayMinutes) % dayMinutes || dayMinutes;
}
