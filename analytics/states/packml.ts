/** What a machine is doing, in the words of OEE (docs/oee.md). */
export const machineStates = [
  'running',
  'idle',
  'starved',
  'held',
  'setup',
  'down',
  'planned_stop',
  'no_data',
] as const;
export type MachineState = (typeof machineStates)[number];

/** PackTags UnitModeCurrent: 1 production, 2 maintenance, 3 manual; 4 to 31 are the user's and count as production. */
export const UnitMode = { production: 1, maintenance: 2, manual: 3 } as const;

/**
 * PackTags StateCurrent (0..17) in the numbering of ISA-TR88.00.02; sources that number differently are mapped when
 * they are decoded. Held is the machine's own cause, Suspended comes from outside (nothing to work on, nowhere to put).
 */
const byState: readonly MachineState[] = [
  'no_data', // 0 Undefined: the machine itself does not know
  'down', // 1 Clearing
  'down', // 2 Stopped
  'idle', // 3 Starting
  'idle', // 4 Idle
  'starved', // 5 Suspended
  'running', // 6 Execute
  'down', // 7 Stopping
  'down', // 8 Aborting
  'down', // 9 Aborted
  'held', // 10 Holding
  'held', // 11 Held
  'idle', // 12 Unholding
  'starved', // 13 Suspending
  'idle', // 14 Unsuspending
  'idle', // 15 Resetting
  'idle', // 16 Completing
  'idle', // 17 Complete
];

/**
 * The machine's state for a PackML state and unit mode. Maintenance is a planned stop and manual mode a setup, whatever
 * the state says. An unknown number is no_data: it is better to say that nothing is known than to guess.
 */
export function stateOf(packmlState: number, unitMode: number): MachineState {
  const state = byState[packmlState];
  if (state === undefined || state === 'no_data') return 'no_data';
  if (unitMode === UnitMode.maintenance) return 'planned_stop';
  if (unitMode === UnitMode.manual) return 'setup';
  return state;
}

/** PackML 8 and 9: the machine itself says that it broke off, with or without a fault code. */
export function isAbort(packmlState: number): boolean {
  return packmlState === 8 || packmlState === 9;
}
