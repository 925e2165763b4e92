import { useComputed } from '@preact/signals';
import type { MachineStateName } from '../../api/schemas/machine.ts';
import { formatElapsed } from '../format/times.ts';
import { now, stateOf } from '../live/store.ts';
import { Icon } from './icon.tsx';
import { icons } from './icons.ts';
import { stateLooks } from './machine-state.ts';

/** A state in words with its icon. */
export function StateWord({ state }: { state: MachineStateName }) {
  const { label, icon, tone } = stateLooks[state];
  return (
    <span class={`state-word tone-text-${tone}`}>
      <Icon name={icon} /> {label}
    </span>
  );
}

/** The present state of a machine, large, with the time in it. */
export function StateBadge({ machineId }: { machineId: number }) {
  const held = stateOf(machineId);
  const look = useComputed(
    () => `state-badge tone-${held.value === null ? 'none' : stateLooks[held.value.state].tone}`,
  );
  const icon = useComputed(() => icons[held.value === null ? 'none' : stateLooks[held.value.state].icon]);
  const label = useComputed(() => (held.value === null ? 'Never heard' : stateLooks[held.value.state].label));
  const elapsed = useComputed(() => (held.value === null ? '' : formatElapsed(now.value - held.value.since_ms)));
  const code = useComputed(() => (held.value?.fault_code ? `code ${held.value.fault_code}` : ''));
  return (
    <span class={look}>
      <Icon path={icon} />
      <b>{label}</b>
      <span class="state-elapsed">{elapsed}</span>
      <span>{code}</span>
    </span>
  );
}
