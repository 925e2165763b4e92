import type { MachineStateName } from '../../api/schemas/machine.ts';
import type { IconName } from './icons.ts';

export interface StateLook {
  label: string;
  icon: IconName;
  /** CSS class of the colour family; the icon and the label tell its members apart. */
  tone: 'running' | 'down' | 'minor' | 'setup' | 'planned' | 'none';
}

/** How a machine state is said and drawn, the same on every page. */
export const stateLooks: Record<MachineStateName, StateLook> = {
  running: { label: 'Running', icon: 'running', tone: 'running' },
  down: { label: 'Down', icon: 'down', tone: 'down' },
  idle: { label: 'Idle', icon: 'idle', tone: 'minor' },
  starved: { label: 'Starved', icon: 'minor', tone: 'minor' },
  held: { label: 'Held', icon: 'held', tone: 'minor' },
  setup: { label: 'Setup', icon: 'setup', tone: 'setup' },
  planned_stop: { label: 'Planned', icon: 'planned', tone: 'planned' },
  no_data: { label: 'No data', icon: 'none', tone: 'none' },
};

export const stateOrder: MachineStateName[] = [
  'down',
  'held',
  'starved',
  'idle',
  'setup',
  'planned_stop',
  'no_data',
  'running',
];
