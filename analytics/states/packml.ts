import { PackState } from '../../core/packml.ts';

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

/** Held is the machine's own cause, Suspended comes from outside (nothing to work on, nowhere to put). */
const byState: Readonly<Record<PackState, MachineState>> = {
  // The machine itself does not know.
  [PackState.Undefined]: 'no_data',
  [PackState.Clearing]: 'down',
  [PackState.Stopped]: 'down',
  [PackState.Starting]: 'idle',
  [PackState.Idle]: 'idle',
  [PackState.Suspended]: 'starved',
  [PackState.Execute]: 'running',
  [PackState.Stopping]: 'down',
  [PackState.Aborting]: 'down',
  [PackState.Aborted]: 'down',
  [PackState.Holding]: 'held',
  [PackState.Held]: 'held',
  [PackState.Unholding]: 'idle',
  [PackState.Suspending]: 'starved',
  [PackState.Unsuspending]: 'idle',
  [PackState.Resetting]: 'idle',
  [PackState.Completing]: 'idle',
  [PackState.Complete]: 'idle',
};

/**
 * The machine's state for a PackML state and unit mode. Maintenance is a planned stop and manual mode a setup, whatever
 * the state says. An unknown number is no_data: it is better to say that nothing is known than to guess.
 */
export function stateOf(packmlState: number, unitMode: number): MachineState {
  const state = (byState as Readonly<Record<number, MachineState>>)[packmlState];
  if (state === undefined || state === 'no_data') return 'no_data';
  if (unitMode === UnitMode.maintenance) return 'planned_stop';
  if (unitMode === UnitMode.manual) return 'setup';
  return state;
}

/** Aborting and Aborted: the machine itself says that it broke off, with or without a fault code. */
export const abortStates: readonly number[] = [PackState.Aborting, PackState.Aborted];

export function isAbort(packmlState: number): boolean {
  return abortStates.includes(packmlState);
}

/** Time in these states is outside of planned time, and pieces that are made in them are left out of OEE with it. */
export const unplannedStates: readonly MachineState[] = ['no_data', 'planned_stop'];
