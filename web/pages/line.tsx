import { useComputed, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { DowntimeInterval } from '../../api/schemas/downtime.ts';
import type { Machine, MachineStateName } from '../../api/schemas/machine.ts';
import type { OeeFigures, OeeItem } from '../../api/schemas/oee.ts';
import type { Line } from '../../api/schemas/site.ts';
import { getAll } from '../fetch.ts';
import { formatCount, formatPercent } from '../format/numbers.ts';
import { formatClock, formatElapsed, formatRecent, formatZone } from '../format/times.ts';
import { now, oeeOf, shiftOf, wantValues } from '../live/store.ts';
import { figuresNote, idealCount, Meter, type Ratio, ratioNames, shownRatio } from '../parts/figures.tsx';
import { Empty, Failed, Waiting } from '../parts/notice.tsx';
import { useResource } from '../parts/resource.ts';
import { StateWord } from '../parts/state-word.tsx';
import { Tile } from '../parts/tile.tsx';
import { LossBar, Timeline } from '../parts/timeline.tsx';
import { Fact } from '../parts/words.tsx';
import { plant } from '../plant.ts';

/** Without a running shift the page shows so many hours. */
const hoursWithoutShift = 8;

/** One line: its OEE, where the shift's time went, hour by hour, and every stop. */
export default function LinePage({ id }: { id: number }) {
  useEffect(() => wantValues({ values: 'none' }), []);
  if (plant.value === null) return <Waiting lines={14} />;
  const line = plant.value.lines.find((one) => one.line_id === id);
  if (line === undefined)
    return (
      <Empty title="There is no such line">
        <a href="/">Back to the plant</a>
      </Empty>
    );
  return <Loaded line={line} machines={plant.value.machines.filter((machine) => machine.line_id === id)} />;
}

function Loaded({ line, machines }: { line: Line; machines: Machine[] }) {
  const shift = shiftOf(line.site_id);
  const zone = line.time_zone;
  const from =
    shift === null ? Math.floor(now.peek() / 3_600_000 - hoursWithoutShift) * 3_600_000 : Date.parse(shift.started_at);
  const to = shift === null ? from + (hoursWithoutShift + 1) * 3_600_000 : Date.parse(shift.ended_at);
  const since = new Date(from).toISOString();
  const states = useResource<DowntimeInterval[]>(
    `states ${line.line_id} ${since}`,
    (abort) => getAll(`/downtime?line=${line.line_id}&include=all&from=${since}`, 10_000, abort),
    20,
  );
  const isNew = useSignal(false);
  const hours = useResource<OeeItem[]>(
    `hours ${line.line_id} ${since}`,
    (abort) => getAll(`/oee?level=line&by=hour&line=${line.line_id}&from=${since}`, 100, abort),
    isNew.value ? 10 : 60,
  );
  useEffect(() => {
    isNew.value = shift !== null && hours.value?.length === 0;
  }, [hours.value, shift?.shift_instance_id]);
  const title =
    shift === null
      ? `Last ${hoursWithoutShift} hours`
      : `${shift.name} shift ${formatClock(from, zone)}–${formatClock(to, zone)}`;
  return (
    <div class="page">
      <Heading line={line} machines={machines} title={`${title} ${formatZone(to, zone)}`} />
      <div class="tiles line-tiles">
        {machines.map((machine) => (
          <Tile key={machine.machine_id} machine={machine} focusable />
        ))}
      </div>
      <section class="panel">
        <h2>States of the machines</h2>
        {states.error !== null && states.value === null && (
          <Failed what="The states" error={states.error} retry={states.reload} />
        )}
        {states.value === null && states.error === null && <Waiting lines={machines.length} />}
        {states.value !== null && (
          <Timeline machines={machines} intervals={states.value} from_ms={from} to_ms={to} zone={zone} />
        )}
      </section>
      <div class="columns">
        <section class="panel">
          <h2>Hour by hour</h2>
          <HourTable
            hours={hours.value}
            inShift={shift !== null}
            error={hours.error}
            retry={hours.reload}
            zone={zone}
          />
        </section>
        <section class="panel">
          <h2>Stops, longest first</h2>
          <StopList intervals={states.value} from_ms={from} zone={zone} />
        </section>
      </div>
    </div>
  );
}

function Heading({ line, machines, title }: { line: Line; machines: Machine[]; title: string }) {
  const constraint = machines.find((machine) => machine.is_constraint);
  const live = oeeOf('line', line.line_id);
  const figures = (): OeeFigures | null => live.value?.figures ?? null;
  const note = useComputed(() => figuresNote(live.value, shiftOf(line.site_id), now.value));
  const counts = useComputed(() => {
    const known = figures();
    return known === null
      ? null
      : { good: known.good_count, rejected: known.reject_count, ideal: idealCount(known), parts: lossesOf(known) };
  });
  return (
    <header class="heading">
      <div class="heading-name">
        <nav class="crumbs" aria-label="Where this line stands">
          <a href="/">{line.site_title}</a>
        </nav>
        <h1>{line.title}</h1>
        <p class="muted small">
          {title}
          {note.value !== null && <span class={note.value.tone === 'minor' ? 'warn' : ''}> · {note.value.text}</span>}
        </p>
      </div>
      <div class="big-meters">
        {(['oee', 'availability', 'performance', 'quality'] as Ratio[]).map((ratio) => (
          <div key={ratio} class="fact">
            <span class="muted small">{ratioNames[ratio]}</span>
            <Meter read={figures} ratio={ratio} unit />
          </div>
        ))}
      </div>
      <dl class="facts">
        <Fact name="Good">{formatCount(counts.value?.good)}</Fact>
        <Fact name="Rejected">{formatCount(counts.value?.rejected)}</Fact>
        <Fact name="Ideal so far">{formatCount(counts.value?.ideal)}</Fact>
      </dl>
      <div class="heading-note">
        <LossBar
          parts={counts.value?.parts ?? []}
          note={`time of ${constraint === undefined ? 'all machines' : `${constraint.machine_title}, where the line is measured`}`}
        />
      </div>
    </header>
  );
}

/** The time of the shift so far by what was done in it; it sums to all of it, what was not heard included. */
function lossesOf(figures: OeeFigures): { state: MachineStateName; seconds: number }[] {
  return [
    { state: 'running', seconds: figures.running_seconds },
    { state: 'down', seconds: figures.down_seconds },
    { state: 'held', seconds: figures.held_seconds },
    { state: 'starved', seconds: figures.starved_seconds },
    { state: 'idle', seconds: figures.idle_seconds },
    { state: 'setup', seconds: figures.setup_seconds },
    { state: 'planned_stop', seconds: figures.planned_stop_seconds },
    { state: 'no_data', seconds: figures.no_data_seconds },
  ];
}

function HourTable({
  hours,
  inShift,
  error,
  retry,
  zone,
}: {
  hours: OeeItem[] | null;
  inShift: boolean;
  error: string | null;
  retry(): void;
  zone: string;
}) {
  if (hours === null)
    return error === null ? <Waiting lines={6} /> : <Failed what="The hours" error={error} retry={retry} />;
  if (hours.length === 0)
    return <p class="muted">{inShift ? 'Not computed yet.' : 'Nothing was planned in this time.'}</p>;
  const rows = [...hours].sort((a, b) => b.started_at.localeCompare(a.started_at));
  return (
    <div class="scroll-x">
      <table class="figures">
        <thead>
          <tr>
            <th>Hour</th>
            <th>OEE</th>
            <th>A</th>
            <th>P</th>
            <th>Q</th>
            <th>Good</th>
            <th>Ideal</th>
            <th>Rejected</th>
            <th>Data</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ started_at, ended_at, figures }) => (
            <tr key={started_at}>
              <td>
                {formatClock(Date.parse(started_at), zone)}–{formatClock(Date.parse(ended_at), zone)}
              </td>
              <td>
                <b>{formatPercent(shownRatio(figures, 'oee'))}</b>
              </td>
              <td>{formatPercent(shownRatio(figures, 'availability'))}</td>
              <td>{formatPercent(shownRatio(figures, 'performance'))}</td>
              <td>{formatPercent(shownRatio(figures, 'quality'))}</td>
              <td>{formatCount(figures.good_count)}</td>
              <td class="muted">{formatCount(idealCount(figures))}</td>
              <td>{formatCount(figures.reject_count)}</td>
              <td class={(figures.coverage ?? 1) < 0.95 ? 'warn' : 'muted'}>{formatPercent(figures.coverage, 0)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Stops with their whole length, also the part before the shift: it is what the tile of the machine counts. */
function StopList({
  intervals,
  from_ms,
  zone,
}: {
  intervals: DowntimeInterval[] | null;
  from_ms: number;
  zone: string;
}) {
  if (intervals === null) return <Waiting lines={6} />;
  const stops = intervals
    .filter((interval) => interval.state !== 'running')
    .sort((a, b) => lengthOf(b, now.peek()) - lengthOf(a, now.peek()))
    .slice(0, 40);
  if (stops.length === 0) return <p class="muted">No stop in this time.</p>;
  return (
    <div class="scroll-x stops">
      <table>
        <thead>
          <tr>
            <th>Machine</th>
            <th>State</th>
            <th class="num">Lasted</th>
            <th>From</th>
            <th>Code</th>
          </tr>
        </thead>
        <tbody>
          {stops.map((stop) => (
            <tr key={stop.machine_state_id}>
              <td>
                <a href={`/machines/${stop.machine_id}`}>{stop.machine_title}</a>
              </td>
              <td>
                <StateWord state={stop.state} />
              </td>
              <td class="num">
                <Lasted stop={stop} />
              </td>
              <td>
                {formatRecent(Date.parse(stop.started_at), zone, now.peek())}
                {Date.parse(stop.started_at) < from_ms && <span class="muted"> before this time</span>}
              </td>
              <td>{stop.fault_code || ''}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function lengthOf({ started_at, ended_at }: DowntimeInterval, nowMs: number): number {
  return (ended_at === null ? nowMs : Date.parse(ended_at)) - Date.parse(started_at);
}

function Lasted({ stop }: { stop: DowntimeInterval }) {
  const text = useComputed(() => formatElapsed(lengthOf(stop, stop.ended_at === null ? now.value : 0)));
  return (
    <>
      {text}
      {stop.ended_at === null && <span class="muted"> so far</span>}
    </>
  );
}
