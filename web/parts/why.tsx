import type { WorkOrderDetail } from '../../api/schemas/work-order.ts';
import { formatPercent, formatUnit, formatValue } from '../format/numbers.ts';
import { formatMoment, formatZone } from '../format/times.ts';
import { zoneOf } from '../plant.ts';
import { type Evidence, type FrozenTrend, readEvidence, type Symptom, trendPath } from './evidence.ts';
import { sentenceCase } from './words.tsx';

/** So many trends are open at once; the others are one press away. */
const openTrends = 2;
const hourMs = 3_600_000;

/** Why an order was raised: what was seen, how sure that is, and the trends as they were then. */
export function Why({ order }: { order: WorkOrderDetail }) {
  const evidence = readEvidence(order.evidence);
  const zone = zoneOf(order.site_id);
  const created = Date.parse(order.created_at);
  const around = `/machines/${order.machine_id}?from=${created - 4 * hourMs}&to=${created + hourMs / 2}`;
  const [first, more] = [evidence.trends.slice(0, openTrends), evidence.trends.slice(openTrends)];
  return (
    <section class="panel why">
      <h2>Why it was raised</h2>
      {order.description !== '' && <p>{order.description}</p>}
      {evidence.reasons.length > 0 && (
        <ul class="reasons">
          {evidence.reasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      )}
      {evidence.symptoms.length > 0 && <Symptoms rows={evidence.symptoms} />}
      {first.map((trend) => (
        <Frozen key={trend.signal} trend={trend} zone={zone} />
      ))}
      {more.length > 0 && (
        <details>
          <summary>{more.length} more trends</summary>
          {more.map((trend) => (
            <Frozen key={trend.signal} trend={trend} zone={zone} />
          ))}
        </details>
      )}
      {evidence.modes.length > 0 && <Modes modes={evidence.modes} />}
      {evidence.facts.length > 0 && (
        <p class="muted small">{evidence.facts.map(([name, text]) => `${sentenceCase(name)}: ${text}`).join(' · ')}</p>
      )}
      {order.origin === 'person' && evidence.trends.length === 0 && (
        <p class="muted">Reported by a person; no trend was frozen.</p>
      )}
      <p class="actions">
        <a class="button" href={around}>
          Trends around that time
        </a>
        <a class="button" href={`/machines/${order.machine_id}`}>
          Live now
        </a>
      </p>
    </section>
  );
}

function Symptoms({ rows }: { rows: Symptom[] }) {
  return (
    <table class="figures">
      <thead>
        <tr>
          <th>Sensor</th>
          <th>Was</th>
          <th>Usual then</th>
          <th title="How far from usual, in spreads of the usual">Away</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.signal}>
            <td>{sentenceCase(row.signal)}</td>
            <td>
              {formatValue(row.value)} {formatUnit(row.unit)}
            </td>
            <td class="muted">{formatValue(row.expected)}</td>
            <td>
              {row.deviation > 0 ? '+' : '−'}
              {Math.abs(row.deviation).toFixed(1)} σ
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** How well each failure mode explains what was seen. */
function Modes({ modes }: { modes: Evidence['modes'] }) {
  return (
    <ul class="modes" aria-label="How well each failure mode explains it">
      {modes.map(([mode, score]) => (
        <li key={mode}>
          <span>{sentenceCase(mode)}</span>
          <span class="meter-bar" aria-hidden="true">
            <span style={`transform:scaleX(${score})`} />
          </span>
          <span class="num">{formatPercent(score, 0)}</span>
        </li>
      ))}
    </ul>
  );
}

/** A trend as it was when the order was raised: kept with the order, also when the raw readings are long gone. */
function Frozen({ trend, zone }: { trend: FrozenTrend; zone: string }) {
  const { path, low, high, limitY } = trendPath(trend, 600, 160);
  const [from = 0, to = 0] = [trend.time_ms[0], trend.time_ms.at(-1)];
  const unit = formatUnit(trend.unit);
  const range = `${formatValue(low)} … ${formatValue(high)} ${unit}`;
  return (
    <figure class="evidence-plot">
      <figcaption class="evidence-labels">
        <b>{sentenceCase(trend.signal)}</b>
        <span>
          {range}
          {trend.limit !== null && `, limit ${formatValue(trend.limit)} ${unit}`}
        </span>
      </figcaption>
      <svg
        viewBox="0 0 600 160"
        preserveAspectRatio="none"
        role="img"
        aria-label={`${trend.signal} before the order was raised: ${range}`}
      >
        {limitY !== null && <line class="evidence-limit" x1="0" x2="600" y1={limitY} y2={limitY} />}
        <path class="evidence-line" d={path} />
      </svg>
      <div class="evidence-labels">
        <span>{formatMoment(from, zone)}</span>
        <span>
          {formatMoment(to, zone)} {formatZone(to, zone)}
        </span>
      </div>
    </figure>
  );
}
