import { useComputed, useSignal } from '@preact/signals';
import type { Alarm } from '../../api/schemas/alarm.ts';
import { post, sentenceFor } from '../fetch.ts';
import { formatUnit, formatValue } from '../format/numbers.ts';
import { formatElapsed } from '../format/times.ts';
import { now } from '../live/store.ts';
import { Moment, Place, Priority } from './words.tsx';
import { formText } from './form-text.ts';
import { focusOnAppearance } from './focus.ts';

/** One alarm, with what made it and whether somebody has seen it. Acknowledging takes one press, or a note and two. */
export function AlarmRow({ alarm, withPlace = true }: { alarm: Alarm; withPlace?: boolean }) {
  const open = useSignal(false);
  const error = useSignal<string | null>(null);
  const busy = useSignal(false);
  const lasted = useComputed(() =>
    formatElapsed(
      (alarm.returned_at === null ? now.value : Date.parse(alarm.returned_at)) - Date.parse(alarm.raised_at),
    ),
  );
  const needs = alarm.state === 'unacknowledged' || alarm.state === 'returned_unacknowledged';
  const unit = formatUnit(alarm.unit ?? '');

  async function acknowledge(event: Event): Promise<void> {
    event.preventDefault();
    const note = formText(new FormData(event.currentTarget as HTMLFormElement), 'note');
    busy.value = true;
    error.value = null;
    try {
      await post(`/alarms/${alarm.alarm_id}/acknowledge`, { note });
      open.value = false;
    } catch (failure) {
      error.value = sentenceFor(failure);
    }
    busy.value = false;
  }

  return (
    <li class={`alarm-row ${needs ? 'alarm-new' : ''}`} data-alarm={alarm.alarm_id}>
      <Priority value={alarm.priority} />
      <div class="alarm-what">
        {withPlace && <Place row={alarm} />}
        <span class="alarm-message">{alarm.message}</span>
        <span class="muted small">
          {kindWords[alarm.kind]} · <Moment at={alarm.raised_at} site={alarm.site_id} /> ·{' '}
          {alarm.active ? 'for' : 'lasted'} {lasted}
          {alarm.value !== null &&
            alarm.signal_id !== null &&
            alarm.kind !== 'fault_code' &&
            ` · ${formatValue(alarm.value)} ${unit}`}
          {alarm.limit_value !== null && ` (limit ${formatValue(alarm.limit_value)})`}
          {alarm.peak_value !== null &&
            alarm.signal_id !== null &&
            alarm.peak_value !== alarm.value &&
            ` · peak ${formatValue(alarm.peak_value)} ${unit}`}
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
        <button type="button" aria-expanded={open} onClick={() => (open.value = !open.value)}>
          Acknowledge
        </button>
      )}
      {open.value && (
        <form class="alarm-form" onSubmit={(event) => void acknowledge(event)}>
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
