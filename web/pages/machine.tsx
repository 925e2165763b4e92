import { useComputed } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Alarm } from '../../api/schemas/alarm.ts';
import type { MachineDetail } from '../../api/schemas/machine.ts';
import type { Reliability } from '../../api/schemas/reliability.ts';
import type { WorkOrder } from '../../api/schemas/work-order.ts';
import { liveRanges, parseRange, type Range, zoomQuery } from '../chart/range.ts';
import { get } from '../fetch.ts';
import { formatCount, formatPercent } from '../format/numbers.ts';
import { formatClock, formatDuration, formatSpan, formatZone } from '../format/times.ts';
import { isOpenOrder } from '../live/open.ts';
import { now, oeeOf, openAlarms, openOrders, shiftOf, wantValues } from '../live/store.ts';
import { AlarmRow } from '../parts/alarm-row.tsx';
import { figuresNote, idealCount, Meter, type Ratio, ratioNames } from '../parts/figures.tsx';
import { Empty, Failed, Waiting } from '../parts/notice.tsx';
import { useResource } from '../parts/resource.ts';
import { Sensor } from '../parts/sensor.tsx';
import { StateBadge } from '../parts/state-word.tsx';
import { Fact, Moment, Priority, sentenceCase } from '../parts/words.tsx';
import { changeQuery, queryValue, setQuery } from '../router.ts';

/** One machine: what it does, what its sensors say, what is wrong with it, and how reliable it has been. */
export default function MachinePage({ id }: { id: number }) {
  const machine = useResource<MachineDetail>(`machine ${id}`, (abort) => get(`/machines/${id}`, abort), 60);
  useEffect(() => {
    wantValues({ values: 'machine', id });
    return () => wantValues({ values: 'none' });
  }, [id]);
  if (machine.value === null)
    return machine.error === null ? (
      <Waiting lines={14} />
    ) : machine.missing ? (
      <Empty title="There is no such machine">
        <a href="/">Back to the plant</a>
      </Empty>
    ) : (
      <Failed what="The machine" error={machine.error} retry={machine.reload} />
    );
  return <Loaded machine={machine.value} />;
}

function Loaded({ machine }: { machine: MachineDetail }) {
  const range = parseRange(queryValue('range'), queryValue('from'), queryValue('to'));
  const sensors = machine.signals.filter((signal) => signal.kind === 'measurement');
  const alarms = useComputed(() =>
    openAlarms.value === null
      ? machine.alarms
      : [...openAlarms.value.values()]
          .filter((alarm) => alarm.machine_id === machine.machine_id)
          .sort((a, b) => a.priority - b.priority || b.raised_at.localeCompare(a.raised_at)),
  );
  return (
    <div class="page machine">
      <Heading machine={machine} />
      <div class="machine-body">
        <div class="machine-main">
          <RangeBar range={range} zone={machine.time_zone} />
          <div class="sensors">
            {sensors.length === 0 && (
              <Empty title="No sensor is mapped to this machine">
                Map its addresses under <a href="/data">Data health</a>.
              </Empty>
            )}
            {sensors.map((signal) => (
              <Sensor
                key={signal.signal_id}
                signal={signal}
                alarms={alarms.value.filter((alarm) => alarm.signal_id === signal.signal_id)}
                range={range}
                zone={machine.time_zone}
                onZoom={(from, to) => setQuery(zoomQuery(from, to), false)}
                onBack={() => setQuery({ from: null, to: null }, false)}
              />
            ))}
          </div>
        </div>
        <aside class="machine-side">
          <AlarmPanel alarms={alarms.value} />
          <OrderPanel machine={machine} />
          <ReliabilityPanel rows={machine.reliability} />
          <AboutPanel machine={machine} />
        </aside>
      </div>
    </div>
  );
}

function Heading({ machine }: { machine: MachineDetail }) {
  const live = oeeOf('machine', machine.machine_id);
  const figures = () => live.value?.figures ?? null;
  const note = useComputed(() => figuresNote(live.value, shiftOf(machine.site_id), now.value));
  const shift = shiftOf(machine.site_id);
  const good = useComputed(() => formatCount(figures()?.good_count));
  const ideal = useComputed(() => {
    const known = figures();
    return known === null ? '' : `/ ${formatCount(idealCount(known))}`;
  });
  const rejects = useComputed(() => formatCount(figures()?.reject_count));
  return (
    <header class="heading">
      <div class="heading-name">
        <nav class="crumbs" aria-label="Where this machine stands">
          <a href="/">{machine.site_title}</a> › <a href={`/lines/${machine.line_id}`}>{machine.line_title}</a>
        </nav>
        <h1>{machine.machine_title}</h1>
      </div>
      <StateBadge machineId={machine.machine_id} />
      <dl class="facts">
        <Fact name="Product">{machine.product_code ?? '—'}</Fact>
        <Fact name="Good / ideal">
          {good} <span class="muted">{ideal}</span>
        </Fact>
        <Fact name="Rejected">{rejects}</Fact>
        {(['oee', 'availability', 'performance', 'quality'] as Ratio[]).map((ratio) => (
          <Fact key={ratio} name={ratioNames[ratio]}>
            <Meter read={figures} ratio={ratio} unit />
          </Fact>
        ))}
      </dl>
      <p class="heading-note">
        {shift === null
          ? 'No shift now'
          : `${shift.name} ${formatClock(Date.parse(shift.started_at), machine.time_zone)}–${formatClock(Date.parse(shift.ended_at), machine.time_zone)} ${formatZone(Date.parse(shift.ended_at), machine.time_zone)}`}
        {note.value !== null && <span class={note.value.tone === 'minor' ? 'warn' : ''}> · {note.value.text}</span>}
      </p>
    </header>
  );
}

function RangeBar({ range, zone }: { range: Range; zone: string }) {
  const search = location.search;
  return (
    <div class="range-bar">
      <nav class="segments" aria-label="Time range">
        {liveRanges.map(({ name, label }) => (
          <a
            key={name}
            href={`${location.pathname}${changeQuery(search, { range: name, from: null, to: null })}`}
            aria-current={range.kind === 'live' && range.name === name ? 'true' : undefined}
          >
            {label}
          </a>
        ))}
      </nav>
      {range.kind === 'fixed' ? (
        <span class="range-fixed">
          {formatSpan(range.from_ms, range.to_ms, zone)}
          <button type="button" onClick={() => setQuery({ from: null, to: null }, false)}>
            Back to live
          </button>
        </span>
      ) : (
        <span class="muted wide">Drag in a trend to zoom, double-click to go back</span>
      )}
      <span class="muted range-zone">
        Times in {zone.replace('_', ' ')} ({formatZone(now.peek(), zone)})
      </span>
    </div>
  );
}

function AlarmPanel({ alarms }: { alarms: Alarm[] }) {
  return (
    <section class="panel">
      <h2>Open alarms {alarms.length > 0 && <span class="menu-count">{alarms.length}</span>}</h2>
      {alarms.length === 0 ? (
        <p class="muted">None</p>
      ) : (
        <ul class="stack">
          {alarms.map((alarm) => (
            <AlarmRow key={alarm.alarm_id} alarm={alarm} withPlace={false} />
          ))}
        </ul>
      )}
    </section>
  );
}

function OrderPanel({ machine }: { machine: MachineDetail }) {
  const orders = useComputed(() => {
    const live = [...(openOrders.value?.values() ?? [])].filter((order) => order.machine_id === machine.machine_id);
    const ids = new Set(live.map((order) => order.work_order_id));
    const older = machine.work_orders.filter(
      (order) => !ids.has(order.work_order_id) && (openOrders.value === null || !isOpenOrder(order)),
    );
    return [...live, ...older];
  });
  return (
    <section class="panel">
      <h2>Work orders</h2>
      {orders.value.length === 0 && <p class="muted">None yet</p>}
      <ul class="stack">
        {orders.value.map((order: WorkOrder) => (
          <li key={order.work_order_id} class="order-line">
            <Priority value={order.priority} />
            <a href={`/work-orders/${order.work_order_id}`}>{order.title}</a>
            <span class="muted">
              {order.number} · {sentenceCase(order.state)} ·{' '}
              <Moment at={order.created_at} site={order.site_id} zone={false} />
            </span>
          </li>
        ))}
      </ul>
      <a class="button" href={`/work-orders?new=${machine.machine_id}`}>
        Report a problem
      </a>
    </section>
  );
}

/** "MTBF is more than 21 s" helps nobody. */
const leastBoundSeconds = 3600;

function hasBound(row: Reliability): boolean {
  return row.mtbf_operating_seconds === null && row.mtbf_operating_lower_seconds >= leastBoundSeconds;
}

function ReliabilityPanel({ rows }: { rows: Reliability[] }) {
  const [newest] = rows;
  return (
    <section class="panel">
      <h2>Reliability</h2>
      {rows.length === 0 && <p class="muted">Not computed yet</p>}
      {rows.length > 0 && (
        <table class="figures">
          <thead>
            <tr>
              <th>Days</th>
              <th title="Time running, idle, starved, held, in setup, or down">Seen</th>
              <th>MTBF</th>
              <th>MTTR</th>
              <th>Avail.</th>
              <th title="Failures">n</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.window_days}>
                <td>{row.window_days}</td>
                <td>{formatDuration(row.operating_seconds + row.down_seconds)}</td>
                <td>
                  {hasBound(row)
                    ? `≥ ${formatDuration(row.mtbf_operating_lower_seconds)}`
                    : formatDuration(row.mtbf_operating_seconds)}
                </td>
                <td>{formatDuration(row.mttr_restore_seconds)}</td>
                <td>{formatPercent(row.availability)}</td>
                <td>{row.failures}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {newest !== undefined && (
        <p class="muted small">
          Availability here counts failures only, not every stop. As of{' '}
          <Moment at={newest.computed_at} site={newest.site_id} />.
        </p>
      )}
      {rows.some(hasBound) && (
        <p class="muted small">
          Too few failures for a mean: MTBF is longer than this with {formatPercent(0.9, 0)} confidence.
        </p>
      )}
    </section>
  );
}

function AboutPanel({ machine }: { machine: MachineDetail }) {
  return (
    <section class="panel">
      <h2>About</h2>
      <dl class="about">
        <Fact name="Class">{sentenceCase(machine.machine_class)}</Fact>
        <Fact name="Criticality">{machine.criticality}</Fact>
        <Fact name="Make">{[machine.manufacturer, machine.model].filter(Boolean).join(' ') || '—'}</Fact>
        <Fact name="Serial">{machine.serial_number ?? '—'}</Fact>
      </dl>
      {machine.is_constraint && <p class="muted small">The line's OEE is measured at this machine.</p>}
    </section>
  );
}
