/** PackML StateCurrent (ISA-TR88.00.02), as far as these machines use it, with the names that some of them send. */
export const PackState = {
  Clearing: 1,
  Stopped: 2,
  Starting: 3,
  Idle: 4,
  Suspended: 5,
  Execute: 6,
  Aborting: 8,
  Aborted: 9,
  Held: 11,
  Resetting: 15,
  Completing: 16,
} as const;
export type PackState = (typeof PackState)[keyof typeof PackState];

export const stateNames: ReadonlyMap<number, string> = new Map(
  Object.entries(PackState).map(([name, number]) => [number, name]),
);
