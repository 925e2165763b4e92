import { useComputed } from '@preact/signals';
import type { Alarm } from '../../api/schemas/alarm.ts';
import type { MachineSignal } from '../../api/schemas/signal.ts';
import type { Range } from '../chart/range.ts';
import { Trend } from '../chart/trend.tsx';
import { formatUnit, formatValue, unknownFigure } from '../format/numbers.ts';
import { formatAgo, formatRecent } from '../format/times.ts';
import { dataState, isPresent } from '../live/staleness.ts';
import { now, valueOf } from '../live/store.ts';
import { AnalogBar } from './analog-bar.tsx';
import { sentenceCase } from './words.tsx';

const qualities = { bad: 0, uncertain: 64, good: 192, stale: 500 } as const;

interface Props {
  signal: MachineSignal;
  alarms: Alarm[];
  range: Range;
  zone: string;
  onZoom(from: number, to: number): void;
  onBack(): void;
}

/** One sensor: its value with what may be believed of it, where that lies between its limits, how unusual it is, its trend. */
export function Sensor({ signal, alarms, range, zone, onZoom, onBack }: Props) {
  const held = valueOf(signal.signal_id);
  const newest = useComputed(() => {
    if (held.value !== null) return held.value;
    const { latest } = signal;
    return latest === null
      ? { value: null, time_ms: null, quality: 0 }
      : { value: latest.value, time_ms: Date.parse(latest.time), quality: qualities[latest.quality] };
  });
  const state = useComputed(() =>
    dataState(
      { ...newest.value, expected_interval_seconds: signal.expected_interval_seconds, connected: null },
      now.value,
    ),
  );
  const present = useComputed(() => (isPresent(state.value) ? newest.value.value : null));
  const unit = formatUnit(signal.unit);
  const text = useComputed(() => (present.value === null ? unknownFigure : formatValue(present.value)));
  const note = useComputed(() => {
    const { value, time_ms } = newest.value;
    switch (state.value) {
      case 'live':
        return '';
      case 'late':
        return formatAgo(time_ms, now.value);
      case 'uncertain':
        return 'uncertain ?';
      case 'bad':
        return 'bad quality';
      case 'stale':
      case 'offline':
        return `last ${formatValue(value)} ${unit} at ${formatRecent(time_ms, zone, now.value)}`;
      case 'never':
        return 'no data yet';
    }
  });
  const look = useComputed(() => `sensor panel state-${state.value}`);
  return (
    <section class={look} aria-label={signal.name} data-state={state}>
      <header class="sensor-head">
        <h3>{sentenceCase(signal.name)}</h3>
        <AnalogBar signal={signal} value={present} />
        <span class="sensor-value">
          <b>{text}</b> {unit}
        </span>
        <span class="sensor-note">
          {note}
          {signal.latest === null && <NeverLink id={signal.signal_id} />}
        </span>
        <Anomaly signal={signal} />
      </header>
      <Trend signal={signal} range={range} alarms={alarms} zone={zone} onZoom={onZoom} onBack={onBack} />
    </section>
  );
}

function NeverLink({ id }: { id: number }) {
  const hidden = useComputed(() => valueOf(id).value !== null);
  return (
    <a href="/data" hidden={hidden}>
      {' '}
      — check mapping
    </a>
  );
}

/** From this score on, of 1, a sensor is called unusual. */
const unusualFrom = 0.8;

/** The anomaly score: how unusual, never a zero while the model warms up. */
function Anomaly({ signal }: { signal: MachineSignal }) {
  const score = signal.anomaly_score;
  if (score === null)
    return (
      <span class="anomaly muted" title="The model of this sensor is still learning">
        learning
      </span>
    );
  const high = score >= unusualFrom;
  return (
    <span
      class={high ? 'anomaly anomaly-high' : 'anomaly'}
      title="Anomaly score: 0 nothing unusual, 100 never seen before"
    >
      {high ? '▲ unusual' : 'anomaly'} {Math.round(score * 100)}
    </span>
  );
}
