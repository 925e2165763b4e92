import { useComputed, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Alarm } from '../../api/schemas/alarm.ts';
import { formatCount } from '../format/numbers.ts';
import { formatAgo } from '../format/times.ts';
import { isMoving, lastStoredAt, now, openAlarms, wantValues } from '../live/store.ts';
import { AlarmRow } from '../parts/alarm-row.tsx';
import { filterQueries, Filters, matches, newestFiltered } from '../parts/filters.tsx';
import { Empty, Failed, Waiting } from '../parts/notice.tsx';
import { useResource } from '../parts/resource.ts';
import { Priority, priorityWords, sentenceCase } from '../parts/words.tsx';
import { queryValue } from '../router.ts';

/** So many alarms of one priority are listed before one asks for more. */
const shownFirst = 50;

/** The alarms that need a person, live; or the last hundred of all. */
export default function AlarmsPage() {
  useEffect(() => wantValues({ values: 'none' }), []);
  const past = queryValue('show') === 'all';
  return (
    <div class="page narrow">
      <header class="page-head">
        <h1>Alarms</h1>
        <Filters
          choices={[
            ['', 'Open'],
            ['all', 'All'],
          ]}
        />
      </header>
      {past ? <Past /> : <Open />}
    </div>
  );
}

function Open() {
  const rows = useComputed(() =>
    openAlarms.value === null ? null : [...openAlarms.value.values()].filter((alarm) => matches(alarm)).sort(byUrgency),
  );
  if (rows.value === null) return <Waiting lines={8} />;
  if (rows.value.length === 0)
    return openAlarms.value !== null && openAlarms.value.size > 0 ? (
      <Empty title="No open alarm passes these filters">
        {formatCount(openAlarms.value.size)} are open in the whole plant. <a href="/alarms">Show them all</a>
      </Empty>
    ) : (
      <NoAlarms />
    );
  return <Groups rows={rows.value} />;
}

function Past() {
  const queries = filterQueries();
  const past = useResource<Alarm[]>(
    `alarms ${queries.join(' ')}`,
    (abort) => newestFiltered<Alarm>('/alarms?', queries, (alarm) => alarm.raised_at, abort),
    30,
  );
  if (past.value === null)
    return past.error === null ? (
      <Waiting lines={8} />
    ) : (
      <Failed what="The alarms" error={past.error} retry={past.reload} />
    );
  if (past.value.length === 0) return <Empty title="No alarm that passes these filters has ever been raised" />;
  return <List rows={past.value} />;
}

function List({ rows }: { rows: Alarm[] }) {
  return (
    <ul class="alarm-list panel">
      {rows.map((alarm) => (
        <AlarmRow key={alarm.alarm_id} alarm={alarm} />
      ))}
    </ul>
  );
}

/** The most urgent first, each priority under its own heading; of a long one only the newest until asked for more. */
function Groups({ rows }: { rows: Alarm[] }) {
  const groups = Map.groupBy(rows, (alarm) => alarm.priority);
  return (
    <>
      {[...groups].map(([priority, alarms]) => (
        <Group key={priority} priority={priority} alarms={alarms} />
      ))}
    </>
  );
}

function Group({ priority, alarms }: { priority: number; alarms: Alarm[] }) {
  const whole = useSignal(false);
  const unseen = alarms.filter((alarm) => alarm.state.endsWith('unacknowledged')).length;
  const more = whole.value ? 0 : alarms.length - shownFirst;
  return (
    <section class="alarm-group" aria-label={`Priority ${priority}`}>
      <h2>
        <Priority value={priority} /> {sentenceCase(priorityWords[priority] ?? '')}{' '}
        <span class="muted">
          {formatCount(alarms.length)}
          {unseen === alarms.length ? ', none seen yet' : unseen > 0 && `, ${formatCount(unseen)} not seen`}
        </span>
      </h2>
      <List rows={more > 0 ? alarms.slice(0, shownFirst) : alarms} />
      {more > 0 && (
        <button type="button" onClick={() => (whole.value = true)}>
          Show {formatCount(more)} more
        </button>
      )}
    </section>
  );
}

/** An empty list alone could also mean that nobody is looking. */
function NoAlarms() {
  const looked = useComputed(() => {
    if (!isMoving.value) return 'The page is not being updated: there may be alarms that it does not know of.';
    const stored = lastStoredAt.value;
    return stored === null ? '' : `The newest reading was stored ${formatAgo(stored, now.value)}.`;
  });
  return <Empty title="No open alarms">{looked}</Empty>;
}

function byUrgency(a: Alarm, b: Alarm): number {
  return a.priority - b.priority || b.raised_at.localeCompare(a.raised_at);
}
