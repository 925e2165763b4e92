import { useComputed } from '@preact/signals';
import type { DowntimeInterval } from '../../api/schemas/downtime.ts';
import type { Machine, MachineStateName } from '../../api/schemas/machine.ts';
import { formatClock, formatDuration } from '../format/times.ts';
import { now } from '../live/store.ts';
import { stateLooks, stateOrder } from './machine-state.ts';
import { StateWord } from './state-word.tsx';

interface Props {
  machines: Machine[];
  /** All states, running too, of the machines between `from_ms` and now. */
  intervals: DowntimeInterval[];
  from_ms: number;
  to_ms: number;
  zone: string;
}

const rowHeight = 22;
const barHeight = 15;
const width = 1000;

/**
 * Which machine did what during the shift: one row a machine, one bar a state. An open state reaches to now and no
 * further; what was not heard is hatched, and time that no interval covers stays empty.
 */
export function Timeline({ machines, intervals, from_ms, to_ms, zone }: Props) {
  const end = useComputed(() => Math.min(now.value, to_ms));
  const x = (ms: number): number => ((Math.min(Math.max(ms, from_ms), to_ms) - from_ms) / (to_ms - from_ms)) * width;
  const byMachine = Map.groupBy(intervals, (interval) => interval.machine_id);
  const hours = hourMarks(from_ms, to_ms);
  const nowX = useComputed(() => x(end.value));
  return (
    <div class="timeline">
      <div class="timeline-rows" style={`grid-auto-rows:${rowHeight}px`}>
        {machines.map((machine) => (
          <a key={machine.machine_id} href={`/machines/${machine.machine_id}`}>
            {machine.machine_title}
            {machine.is_constraint && <span title="The line's OEE is measured here"> ◆</span>}
          </a>
        ))}
      </div>
      <div class="timeline-plot">
        <svg
          viewBox={`0 0 ${width} ${machines.length * rowHeight}`}
          preserveAspectRatio="none"
          height={machines.length * rowHeight}
          role="img"
          aria-label="States of the machines over the shift; the list of stops below says the same in words."
        >
          <defs>
            <pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
              <line x1="0" y1="0" x2="0" y2="6" class="timeline-hatch" />
            </pattern>
          </defs>
          {hours.map((ms) => (
            <line key={ms} class="timeline-hour" x1={x(ms)} x2={x(ms)} y1="0" y2={machines.length * rowHeight} />
          ))}
          {machines.map((machine, row) =>
            (byMachine.get(machine.machine_id) ?? []).map((interval) => (
              <Bar key={interval.machine_state_id} interval={interval} row={row} x={x} end={end} zone={zone} />
            )),
          )}
          <line class="timeline-now" x1={nowX} x2={nowX} y1="0" y2={machines.length * rowHeight} />
        </svg>
        <div class="timeline-axis" aria-hidden="true">
          {hours.map((ms) => (
            <span key={ms} class={edgeOf(x(ms))} style={`left:${(x(ms) / width) * 100}%`}>
              {formatClock(ms, zone)}
            </span>
          ))}
        </div>
      </div>
      <Legend />
    </div>
  );
}

/** Labels at the ends stand inside the frame. */
function edgeOf(x: number): string {
  if (x < width * 0.02) return 'timeline-first';
  return x > width * 0.98 ? 'timeline-last' : '';
}

function Bar({
  interval,
  row,
  x,
  end,
  zone,
}: {
  interval: DowntimeInterval;
  row: number;
  x(ms: number): number;
  end: { value: number };
  zone: string;
}) {
  const from = Date.parse(interval.started_at);
  const fixedTo = interval.ended_at === null ? null : Date.parse(interval.ended_at);
  const barWidth = useComputed(() => Math.max(0.6, x(fixedTo ?? end.value) - x(from)).toFixed(2));
  const { label, tone } = stateLooks[interval.state];
  const until = fixedTo === null ? 'now' : formatClock(fixedTo, zone);
  // Down and minor stops also differ in height from running, so that the picture reads without colour.
  const small = tone === 'running' || tone === 'planned' || tone === 'none';
  const height = small ? barHeight - 5 : barHeight;
  return (
    <rect
      class={`timeline-${tone}`}
      x={x(from).toFixed(2)}
      width={barWidth}
      y={row * rowHeight + (rowHeight - height) / 2}
      height={height}
    >
      <title>{`${interval.machine_title}: ${label} ${formatClock(from, zone)}–${until}${interval.fault_code ? `, code ${interval.fault_code}` : ''}`}</title>
    </rect>
  );
}

function Legend() {
  return (
    <p class="legend">
      {stateOrder.map((state) => (
        <span key={state} class="legend-item">
          <span class={`legend-box legend-${stateLooks[state].tone}`} />
          <StateWord state={state} />
        </span>
      ))}
    </p>
  );
}

/** Full hours between two instants, thinned to at most twelve. */
export function hourMarks(from_ms: number, to_ms: number): number[] {
  const hour = 3_600_000;
  const hours = (to_ms - from_ms) / hour;
  const step = hour * Math.max(1, Math.ceil(hours / 12));
  const marks: number[] = [];
  for (let at = Math.ceil(from_ms / step) * step; at <= to_ms; at += step) marks.push(at);
  return marks;
}

/** Where the time went, as one bar whose parts sum to all of it; `note` says whose time. */
export function LossBar({ parts, note }: { parts: { state: MachineStateName; seconds: number }[]; note: string }) {
  const total = parts.reduce((sum, part) => sum + part.seconds, 0);
  if (total <= 0) return <p class="muted">Nothing recorded yet</p>;
  const shown = parts.filter((part) => part.seconds > 0);
  return (
    <div>
      <div class="loss-bar" aria-hidden="true">
        {shown.map((part) => (
          <span
            key={part.state}
            class={`legend-${stateLooks[part.state].tone}`}
            style={`flex-grow:${part.seconds}`}
            title={stateLooks[part.state].label}
          />
        ))}
      </div>
      <ul class="loss-list">
        {shown.map((part) => (
          <li key={part.state}>
            <StateWord state={part.state} /> <b>{formatDuration(part.seconds)}</b>{' '}
            <span class="muted">{Math.round((part.seconds / total) * 100)} %</span>
          </li>
        ))}
        <li class="muted">{note}</li>
      </ul>
    </div>
  );
}
