import { type ReadonlySignal, useComputed } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Machine } from '../../api/schemas/machine.ts';
import type { OeeFigures } from '../../api/schemas/oee.ts';
import type { Line, Site } from '../../api/schemas/site.ts';
import { formatCount } from '../format/numbers.ts';
import { formatClock, formatZone } from '../format/times.ts';
import { now, oeeOf, shiftOf, stateOf, wantValues } from '../live/store.ts';
import { figuresNote, idealCount, Meter } from '../parts/figures.tsx';
import { sumFigures } from '../parts/sum-figures.ts';
import { Icon } from '../parts/icon.tsx';
import { stateLooks, stateOrder } from '../parts/machine-state.ts';
import { Empty, Failed, Waiting } from '../parts/notice.tsx';
import { openByLine } from '../parts/open-work.ts';
import { Tile } from '../parts/tile.tsx';
import { loadPlant, plant, plantError } from '../plant.ts';
import { queryValue } from '../router.ts';
import { Urgent } from './urgent.tsx';

/** OEE whose newest component is older than this is shown with the time it reaches to. */
const oldFiguresMs = 180_000;

/** The whole plant at a glance: sites, their lines, and every machine. */
export default function Overview() {
  useEffect(() => wantValues({ values: 'none' }), []);
  if (plant.value === null) {
    if (plantError.value !== null)
      return <Failed what="The plant" error={plantError.value} retry={() => void loadPlant()} />;
    return <Waiting lines={24} />;
  }
  const { sites, lines, machines } = plant.value;
  const onlyStops = queryValue('show') === 'stops';
  if (machines.length === 0)
    return (
      <Empty title="No machines yet">
        Import a plant with <code>npm run plant -- import FILE</code>, or map discovered addresses under{' '}
        <a href="/data">Data health</a>.
      </Empty>
    );
  return (
    <div class={onlyStops ? 'overview only-stops' : 'overview'} onKeyDown={moveBetweenTiles}>
      <h1 class="sr">Plant overview</h1>
      <Urgent />
      <nav class="segments small-screen" aria-label="Which machines">
        <a href="/" aria-current={onlyStops ? undefined : 'true'}>
          All machines
        </a>
        <a href="/?show=stops" aria-current={onlyStops ? 'true' : undefined}>
          Not running
        </a>
      </nav>
      <Totals sites={sites} machines={machines} />
      {sites.map((site) => (
        <SiteSection
          key={site.site_id}
          site={site}
          lines={lines.filter((line) => line.site_id === site.site_id)}
          machines={machines.filter((machine) => machine.site_id === site.site_id)}
        />
      ))}
    </div>
  );
}

/** The whole plant in one row, under the names of the columns. */
function Totals({ sites, machines }: { sites: Site[]; machines: Machine[] }) {
  const sum = useComputed(() => sumFigures(sites.map((site) => oeeOf('site', site.site_id).value?.figures ?? null)));
  const figures = (): OeeFigures | null => sum.value;
  return (
    <section class="site totals" aria-label="All sites">
      <div class="row row-head" aria-hidden="true">
        <span />
        <span class="num">OEE %</span>
        <span class="num" title="Availability">
          A
        </span>
        <span class="num" title="Performance">
          P
        </span>
        <span class="num" title="Quality">
          Q
        </span>
        <span class="num" title="Good pieces / what the ideal cycle allows">
          Good
        </span>
        <span>Machines and time in state</span>
        <span class="num">Open</span>
      </div>
      <div class="row row-plant">
        <h2>All sites</h2>
        <Meter read={figures} ratio="oee" />
        <Meter read={figures} ratio="availability" />
        <Meter read={figures} ratio="performance" />
        <Meter read={figures} ratio="quality" />
        <Counts read={figures} withIdeal={false} />
        <StateStrip
          machines={machines}
          note={`${formatCount(sites.length)} sites, ${formatCount(machines.length)} machines`}
        />
        <span />
      </div>
    </section>
  );
}

function SiteSection({ site, lines, machines }: { site: Site; lines: Line[]; machines: Machine[] }) {
  const oee = oeeOf('site', site.site_id);
  const figures = (): OeeFigures | null => figuresOf(oee.value);
  const clock = useComputed(() => formatClock(now.value, site.time_zone));
  const shift = useComputed(() => {
    const running = shiftOf(site.site_id);
    const zone = formatZone(now.value, site.time_zone);
    if (running === null) return `no shift now, ${zone}`;
    const [from, to] = [running.started_at, running.ended_at].map((at) => formatClock(Date.parse(at), site.time_zone));
    return `${running.name} ${from}–${to} ${zone}`;
  });
  return (
    <section class="site" aria-label={site.title}>
      <div class="row row-site">
        <h2>
          <span class="site-name">
            <span class="site-title" title={site.title}>
              {site.title}
            </span>
            <span class="site-clock">{clock}</span>
          </span>
        </h2>
        <Meter read={figures} ratio="oee" />
        <Meter read={figures} ratio="availability" />
        <Meter read={figures} ratio="performance" />
        <Meter read={figures} ratio="quality" />
        <Counts read={figures} withIdeal={false} />
        <StateStrip machines={machines} note={shift} />
        <span />
      </div>
      {lines.map((line) => (
        <LineRow key={line.line_id} line={line} machines={machines.filter((one) => one.line_id === line.line_id)} />
      ))}
    </section>
  );
}

function LineRow({ line, machines }: { line: Line; machines: Machine[] }) {
  const oee = oeeOf('line', line.line_id);
  const figures = (): OeeFigures | null => figuresOf(oee.value);
  const running = useComputed(
    () => machines.filter((machine) => stateOf(machine.machine_id).value?.state === 'running').length,
  );
  const note = useComputed(() => {
    const row = oee.value;
    if (row !== null && now.value - Date.parse(row.computed_to) > oldFiguresMs)
      return { text: `up to ${formatClock(Date.parse(row.computed_to), line.time_zone)}`, tone: 'minor' };
    return figuresNote(row, shiftOf(line.site_id), now.value);
  });
  const noteLook = useComputed(() => `row-note${note.value?.tone === 'minor' ? ' row-note-minor' : ''}`);
  const noteText = useComputed(() => note.value?.text ?? `${running.value} of ${machines.length} running`);
  const open = useComputed(() => openByLine.value.get(line.line_id));
  return (
    <div class="row row-line">
      <span class="row-name">
        <a href={`/lines/${line.line_id}`}>{line.title}</a>
        <span class={noteLook}>{noteText}</span>
      </span>
      <Meter read={figures} ratio="oee" />
      <Meter read={figures} ratio="availability" />
      <Meter read={figures} ratio="performance" />
      <Meter read={figures} ratio="quality" />
      <Counts read={figures} withIdeal />
      <span class="tiles">
        {machines.map((machine) => (
          <Tile key={machine.machine_id} machine={machine} />
        ))}
      </span>
      <span class="row-open">
        <OpenCount
          kind="alarms"
          icon="bell"
          read={() => open.value?.alarms ?? 0}
          href={`/alarms?line=${line.line_id}`}
        />
        <OpenCount
          kind="work orders"
          icon="wrench"
          read={() => open.value?.orders ?? 0}
          href={`/work-orders?line=${line.line_id}`}
        />
      </span>
    </div>
  );
}

function figuresOf(row: { figures: OeeFigures } | null): OeeFigures | null {
  return row?.figures ?? null;
}

function Counts({ read, withIdeal }: { read: () => OeeFigures | null; withIdeal: boolean }) {
  const good = useComputed(() => formatCount(read()?.good_count));
  const ideal = useComputed(() => {
    const figures = read();
    if (figures === null) return '';
    return withIdeal ? `/ ${formatCount(idealCount(figures))}` : 'good';
  });
  return (
    <span
      class="counts"
      title={
        withIdeal
          ? 'Good pieces of this shift / what the planned time so far allows at the ideal cycle'
          : 'Good pieces of this shift; lines with different products have no ideal count in common'
      }
    >
      <span>{good}</span>
      <span class="counts-ideal">{ideal}</span>
    </span>
  );
}

function OpenCount({
  kind,
  icon,
  read,
  href,
}: {
  kind: string;
  icon: 'bell' | 'wrench';
  read: () => number;
  href: string;
}) {
  const look = useComputed(() => (read() === 0 ? 'open-count open-count-none' : 'open-count'));
  const label = useComputed(() => `${read()} open ${kind}`);
  const text = useComputed(() => (read() === 0 ? '·' : formatCount(read())));
  return (
    <a class={look} href={href} aria-label={label} title={label}>
      <Icon name={icon} />
      {text}
    </a>
  );
}

/** How many machines are in which state, most urgent first, and what else is to be said of the site. */
function StateStrip({ machines, note }: { machines: Machine[]; note: ReadonlySignal<string> | string }) {
  const counts = useComputed(() => {
    const found = new Map<string, number>();
    for (const machine of machines) {
      const state = stateOf(machine.machine_id).value?.state ?? 'no_data';
      found.set(state, (found.get(state) ?? 0) + 1);
    }
    return found;
  });
  return (
    <span class="strip">
      {stateOrder.map((state) => {
        const count = counts.value.get(state) ?? 0;
        const { label, icon, tone } = stateLooks[state];
        return (
          <span key={state} class={`strip-item tone-text-${tone}${count === 0 ? ' strip-zero' : ''}`}>
            <Icon name={icon} />
            <b>{count}</b> {label.toLowerCase()}
          </span>
        );
      })}
      <span class="row-note">{note}</span>
    </span>
  );
}

/** Arrow keys go from tile to tile; Tab goes from line to line. 236 stops of the Tab key would be a wall. */
function moveBetweenTiles(event: KeyboardEvent): void {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const jump = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const tile = (event.target as Element).closest('.tile, .row-name a');
  if (tile === null || (step === undefined && jump === undefined)) return;
  const rows = [...document.querySelectorAll('.row-line')].map((row) => [
    ...row.querySelectorAll<HTMLElement>('.row-name a, .tile'),
  ]);
  const at = rows.findIndex((row) => row.includes(tile as HTMLElement));
  const column = rows[at]?.indexOf(tile as HTMLElement) ?? 0;
  const next =
    step === undefined
      ? (rows[at + (jump ?? 0)]?.[column] ?? rows[at + (jump ?? 0)]?.at(-1))
      : rows[at]?.[column + step];
  if (next === undefined) return;
  event.preventDefault();
  next.focus();
}
