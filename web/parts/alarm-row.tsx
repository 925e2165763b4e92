import { useComputed, useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { Alarm } from '../../api/schemas/alarm.ts';
import { post, sentenceFor } from '../fetch.ts';
import { formatUnit, formatValue } from '../format/numbers.ts';
import { formatDuration } from '../format/times.ts';
import { now, valueOf } from '../live/store.ts';
import { Moment, Place, Priority, sentenceCase } from './words.tsx';
import { formText } from './form-text.ts';
import { focusOnAppearance } from './focus.ts';

/** One alarm, with what made it and whether somebody has seen it. Acknowledging takes one press, or a note and two. */
export function AlarmRow({ alarm, withPlace = true }: { alarm: Alarm; withPlace?: boolean }) {
  const open = useSignal(false);
  const error = useSignal<string | null>(null);
  const busy = useSignal(false);
  const unit = formatUnit(alarm.unit ?? '');
  const row = useRef<HTMLLIElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const lasted = useComputed(() => {
    const end = alarm.returned_at === null ? now.value : Date.parse(alarm.returned_at);
    return formatDuration(Math.max(0, end - Date.parse(alarm.raised_at)) / 1000);
  });
  // Only the page of the machine hears values; elsewhere the last one heard may be long past.
  const present = useComputed(() => {
    if (withPlace || !alarm.active || alarm.signal_id === null || alarm.kind === 'fault_code') return '';
    const value = valueOf(alarm.signal_id).value?.value ?? null;
    return value === null ? '' : ` · now ${formatValue(value)} ${unit}`;
  });
  const needs = alarm.state === 'unacknowledged' || alarm.state === 'returned_unacknowledged';

  function close(): void {
    open.value = false;
    button.current?.focus();
  }

  async function acknowledge(event: Event): Promise<void> {
    event.preventDefault();
    const note = formText(new FormData(event.currentTarget as HTMLFormElement), 'note');
    busy.value = true;
    error.value = null;
    try {
      await post(`/alarms/${alarm.alarm_id}/acknowledge`, { note });
      open.value = false;
      // The button goes with what it was for; the row stays where the reader is.
      row.current?.focus();
    } catch (failure) {
      error.value = sentenceFor(failure);
    }
    busy.value = false;
  }

  return (
    <li class={`alarm-row ${needs ? 'alarm-new' : ''}`} data-alarm={alarm.alarm_id} tabIndex={-1} ref={row}>
      <Priority value={alarm.priority} />
      <div class="alarm-what">
        {withPlace && <Place row={alarm} />}
        <span class="alarm-message">{messageOf(alarm, unit)}</span>
        <span class="muted small">
          {!alarm.kind.startsWith('limit') && `${kindWords[alarm.kind]} · `}
          <Moment at={alarm.raised_at} site={alarm.site_id} /> · {alarm.active ? 'for' : 'lasted'} {lasted}
          {alarm.value !== null &&
            alarm.signal_id !== null &&
            alarm.kind !== 'fault_code' &&
            ` · ${formatValue(alarm.value)} ${unit} when raised`}
          {alarm.peak_value !== null &&
            alarm.signal_id !== null &&
            alarm.peak_value !== alarm.value &&
            ` · peak ${formatValue(alarm.peak_value)} ${unit}`}
          {present}
          {alarm.occurrences > 1 && ` · ${alarm.occurrences} times in 24 h`}
        </span>
        {alarm.shelved_by !== null && <span class="muted small">Shelved by {alarm.shelved_by}</span>}
        {alarm.acknowledged_by !== null && (
          <span class="muted small">
            Acknowledged by {alarm.acknowledged_by}
            {alarm.note ? `: ${alarm.note}` : ''}
          </span>
        )}
      </div>
      <span class="alarm-state">{stateWords[alarm.state]}</span>
      {needs && (
        <button ref={button} type="button" aria-expanded={open} onClick={() => (open.value = !open.value)}>
          Acknowledge
        </button>
      )}
      {open.value && (
        <form
          class="alarm-form"
          onSubmit={(event) => void acknowledge(event)}
          onKeyDown={(event) => event.key === 'Escape' && close()}
        >
          <label>
            Note (optional)
            <input name="note" maxLength={2000} ref={focusOnAppearance} placeholder="What you saw or did" />
          </label>
          <button type="submit" class="primary" disabled={busy}>
            Acknowledge
          </button>
          <p class="form-error" role="alert">
            {error}
          </p>
        </form>
      )}
    </li>
  );
}

/**
 * What the alarm is about, without the values of its beginning: read an hour later, "is 78.17 A" would be taken for the
 * present. The machine is named as on the page.
 */
function messageOf(
  { kind, message, signal_name, limit_value, machine_name, machine_title }: Alarm,
  unit: string,
): string {
  if (kind.startsWith('limit') && signal_name !== null && limit_value !== null)
    return `${sentenceCase(signal_name)} beyond its ${kindWords[kind].toLowerCase()} of ${formatValue(limit_value)} ${unit}`;
  // A silent line names its machines by their number only.
  const namesIt = kind !== 'stale' || message.startsWith(`Nothing has been heard from ${machine_name} `);
  return namesIt ? message.replace(machine_name, () => machine_title) : message;
}

/** What made the alarm; the last four are about the data, not about the machine. */
const kindWords: Record<Alarm['kind'], string> = {
  limit_low_low: 'Lowest limit',
  limit_low: 'Low limit',
  limit_high: 'High limit',
  limit_high_high: 'Highest limit',
  anomaly: 'Unusual behaviour',
  fault_code: 'Fault code of the controller',
  stale: 'Machine is silent',
  ledger: 'Readings were lost',
  rollup: 'Sums were repaired',
  gateway: 'Gateway in trouble',
};

const stateWords: Record<Alarm['state'], string> = {
  unacknowledged: '● Active, not seen',
  acknowledged: '○ Active, seen',
  returned_unacknowledged: '● Cleared, not seen',
  normal: 'Cleared',
  shelved: 'Shelved',
  suppressed: 'Suppressed',
  out_of_service: 'Out of service',
};
