/**
 * PackML StateCurrent in the numbering of ISA-TR88.00.02 (PackTags). OPC 30060 numbers the same states differently: a
 * machine that follows it should send names.
 */
export const PackState = {
  Undefined: 0,
  Clearing: 1,
  Stopped: 2,
  Starting: 3,
  Idle: 4,
  Suspended: 5,
  Execute: 6,
  Stopping: 7,
  Aborting: 8,
  Aborted: 9,
  Holding: 10,
  Held: 11,
  Unholding: 12,
  Suspending: 13,
  Unsuspending: 14,
  Resetting: 15,
  Completing: 16,
  Complete: 17,
} as const;
export type PackState = (typeof PackState)[keyof typeof PackState];

/** The name of each state, by its number. */
export const packStateNames: ReadonlyMap<number, string> = new Map(
  Object.entries(PackState).map(([name, number]) => [number, name]),
);
