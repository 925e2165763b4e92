import { useSignal } from '@preact/signals';
import type { GapPage, GapRow } from '../../api/schemas/ledger.ts';
import { get } from '../fetch.ts';
import { formatCount, formatPercent } from '../format/numbers.ts';
import { formatClock, formatSpan } from '../format/times.ts';
import { now } from '../live/store.ts';
import { plant } from '../plant.ts';
import { signalGaps } from './signal-gaps.ts';
import { Failed, Waiting } from './notice.tsx';
import { useResource } from './resource.ts';

const hourMs = 3_600_000;
const hours = 24;
/** Signals with the most readings missing come first; more of them would hide what matters. */
const shownSignals = 15;
const kinds = { measurement: 'sensors', counter: 'counters', state: 'states', fault: 'fault codes', order: 'orders' };

/** Where readings are missing: a row for each signal with gaps, the last day from left to right, by the hour. */
export function GapMap({ zone }: { zone: string }) {
  const kind = useSignal<keyof typeof kinds>('measurement');
  const list = useResource<GapPage>(
    `gaps ${kind.value}`,
    (abort) => get(`/ledger/gaps?kind=${kind.value}&per=hour&limit=1000`, abort),
    60,
  );
  return (
    <section class="panel">
      <h2>Missing readings, last 24 hours</h2>
      <label class="gap-kind">
        Signals{' '}
        <select value={kind.value} onChange={(event) => (kind.value = event.currentTarget.value as keyof typeof kinds)}>
          {Object.entries(kinds).map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </select>
      </label>
      {kind.value !== 'measurement' && (
        <p class="muted small">What is sent only when it changes is silent by right; judge it by its neighbours.</p>
      )}
      {list.value !== null && <Signals rows={list.value.items} cut={list.value.next !== null} zone={zone} />}
      {list.value === null &&
        (list.error === null ? (
          <Waiting lines={3} />
        ) : (
          <Failed what="The missing readings" error={list.error} retry={list.reload} />
        ))}
    </section>
  );
}

function Signals({ rows, cut, zone }: { rows: GapRow[]; cut: boolean; zone: string }) {
  const signals = signalGaps(rows);
  if (signals.length === 0) return <p class="muted">Each gave what its expected interval promises.</p>;
  // Gaps begin and end at full hours, and the hour that runs is not judged.
  const to = Math.floor(now.peek() / hourMs) * hourMs;
  const from = to - hours * hourMs;
  const titles = new Map(plant.value?.machines.map((one) => [one.machine_id, one.machine_title]));
  const share = (ms: number): number => (100 * Math.min(Math.max(ms - from, 0), to - from)) / (to - from);
  return (
    <>
      <div class="scroll-x">
        <table class="figures gap-map">
          <thead>
            <tr>
              <th>Signal</th>
              <th>
                <span class="gap-axis">
                  <span>{formatClock(from, zone)}</span>
                  <span>{formatClock((from + to) / 2, zone)}</span>
                  <span>{formatClock(to, zone)}</span>
                </span>
              </th>
              <th>Missing</th>
              <th>Of</th>
            </tr>
          </thead>
          <tbody>
            {signals.slice(0, shownSignals).map(({ signal, gaps, expected, missing }) => (
              <tr key={signal.signal_id} data-gaps={signal.signal_id}>
                <td>
                  <a href={`/machines/${signal.machine_id}`}>{titles.get(signal.machine_id) ?? signal.machine_name}</a>{' '}
                  <span class="muted small">{signal.signal_name}</span>
                </td>
                <td>
                  <span class="gap-line">
                    {gaps.map((gap) => (
                      <i
                        key={gap.from}
                        style={`left:${share(Date.parse(gap.from))}%;right:${100 - share(Date.parse(gap.to))}%;opacity:${1 - 0.6 * gap.coverage}`}
                        title={`${formatSpan(Date.parse(gap.from), Date.parse(gap.to), zone)}: ${formatCount(gap.stored)} of ${formatCount(gap.expected)} came`}
                      />
                    ))}
                  </span>
                </td>
                <td>{formatCount(missing)}</td>
                <td class="muted">
                  {formatCount(expected)} ({formatPercent(missing / expected, 0)})
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {(cut || signals.length > shownSignals) && (
        <p class="muted">
          The {Math.min(shownSignals, signals.length)} with the most missing are shown
          {cut ? ', by their newest gaps; ask /api/v1/ledger/gaps for all.' : ` of ${formatCount(signals.length)}.`}
        </p>
      )}
    </>
  );
}
