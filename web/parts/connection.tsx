import { useComputed } from '@preact/signals';
import { formatClockSeconds, formatElapsed } from '../format/times.ts';
import {
  connection,
  isMoving,
  lastStoredAt,
  pausedSince,
  setPaused,
  silentMs,
  unknownSince,
  wallNow,
} from '../live/store.ts';

const viewerZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Live, paused or disconnected since when. Pressing it pauses and resumes. */
export function ConnectionChip() {
  const state = useComputed(() => (pausedSince.value !== null ? 'paused' : connection.value.state));
  const text = useComputed(() => {
    if (pausedSince.value !== null) return `Paused ${formatClockSeconds(pausedSince.value, viewerZone)}`;
    const { state: now, since_ms } = connection.value;
    if (now === 'live') return 'Live';
    return now === 'connecting' ? 'Connecting' : `No connection ${formatElapsed(wallNow.value - since_ms)}`;
  });
  const look = useComputed(() => `chip chip-${state.value}`);
  const hint = useComputed(() => (pausedSince.value === null ? 'Pause live updates' : 'Resume live updates'));
  return (
    <button type="button" class={look} title={hint} onClick={() => setPaused(pausedSince.peek() === null)}>
      <span class="chip-dot" aria-hidden="true" />
      <span>{text}</span>
    </button>
  );
}

/** The full-width sentence while nothing on the page moves. A frozen board that looks alive is the worst failure. */
export function DisconnectedBar() {
  const sentence = useComputed(() => {
    const { state, since_ms } = connection.value;
    if (state === 'lost') return `Live updates stopped ${formatElapsed(wallNow.value - since_ms)} ago – retrying`;
    if (pausedSince.value !== null) return null;
    const stored = lastStoredAt.value;
    if (isMoving.value && stored !== null && wallNow.value - stored > silentMs)
      return `No reading has been stored for ${formatElapsed(wallNow.value - stored)} – figures are as old as that`;
    const since = unknownSince.value;
    if (isMoving.value && since !== null)
      return `Analytics has taken no reading for ${formatElapsed(wallNow.value - since)} – states, figures and alarms are as old as that`;
    return null;
  });
  const look = useComputed(() => (sentence.value === null ? 'bar-hidden' : 'bar'));
  return (
    <div class={look} role="status" aria-live="polite">
      {sentence}
    </div>
  );
}
