import type { WorkOrderDetail } from '../../api/schemas/work-order.ts';
import { formatPercent, formatUnit, formatValue } from '../format/numbers.ts';
import { formatMoment, formatRecent, formatZone } from '../format/times.ts';
import { zoneOf } from '../plant.ts';
import { drawTrend, type Evidence, type FrozenTrend, readEvidence, type Symptom } from './evidence.ts';
import { sentenceCase } from './words.tsx';

/** So many trends are open at once; the others are one press away. */
const openTrends = 2;
const hourMs = 3_600_000;

/** Why an order was raised: what was seen, how sure that is, and the trends as they were then. */
export function Why({ order }: { order: WorkOrderDetail }) {
  const evidence = readEvidence(order.evidence);
  const zone = zoneOf(order.site_id);
  const created = Date.parse(order.created_at);
  const facts = factsOf(evidence, zone);
  const around = `/machines/${order.machine_id}?from=${created - 4 * hourMs}&to=${created + hourMs / 2}`;
  const [first, more] = [evidence.trends.slice(0, openTrends), evidence.trends.slice(openTrends)];
  return (
    <section class="panel why">
      <h2>Why it was raised</h2>
      {order.description !== '' && <p>{order.description}</p>}
      {evidence.reasons.map((reason) => (
        <p key={reason} class="summary">
          {reason}
        </p>
      ))}
      {evidence.symptoms.length > 0 && <Symptoms rows={evidence.symptoms} zone={zone} around={created} />}
      {evidence.alarms.length > 0 && (
        <section>
          <h3>Alarms then</h3>
          <ul class="reasons">
            {evidence.alarms.map(({ message, raised_ms }) => (
              <li key={message}>
                {message}{' '}
                {raised_ms !== null && <span class="muted small">{formatRecent(raised_ms, zone, created)}</span>}
              </li>
            ))}
          </ul>
        </section>
      )}
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
      {facts.length > 0 && <p class="muted small">{facts.join(' · ')}</p>}
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

function factsOf({ started_ms, confidence, facts }: Evidence, zone: string): string[] {
  return [
    ...(started_ms === null ? [] : [`Began ${formatMoment(started_ms, zone)} ${formatZone(started_ms, zone)}`]),
    ...(confidence === null ? [] : [`Diagnosis ${formatPercent(confidence, 0)} sure`]),
    ...facts.map(([name, text]) => `${sentenceCase(name)}: ${text}`),
  ];
}

function Symptoms({ rows, zone, around }: { rows: Symptom[]; zone: string; around: number }) {
  return (
    <table class="symptoms">
      <thead>
        <tr>
          <th>What was seen</th>
          <th class="num">Since</th>
          <th class="num" title="In spreads of what is usual">
            From usual
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.signal}>
            <td>{row.sentence}</td>
            <td class="num">{row.since_ms === null ? '—' : formatRecent(row.since_ms, zone, around)}</td>
            <td class="num">{row.deviation === null ? 'learning' : formatDeviation(row.deviation)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function formatDeviation(deviation: number): string {
  return `${deviation > 0 ? '+' : '−'}${Math.abs(deviation).toFixed(1)}\u00a0σ`;
}

/** How well each failure mode explains what was seen. */
function Modes({ modes }: { modes: Evidence['modes'] }) {
  return (
    <section>
      <h3>How well each failure mode explains it</h3>
      <ul class="modes">
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
    </section>
  );
}

/** A trend as it was when the order was raised: kept with the order, also when the raw readings are long gone. */
function Frozen({ trend, zone }: { trend: FrozenTrend; zone: string }) {
  const { path, low, high, expectedY, limits } = drawTrend(trend, 600, 160);
  const [from = 0, to = 0] = [trend.time_ms[0], trend.time_ms.at(-1)];
  const unit = formatUnit(trend.unit);
  const said = [
    `${formatValue(low)} … ${formatValue(high)} ${unit}`,
    ...(trend.expected === null ? [] : [`usual ${formatValue(trend.expected)}`]),
    ...trend.limits.map(({ name, value }) => `${name} limit ${formatValue(value)}`.trim()),
  ].join(', ');
  return (
    <figure class="evidence-plot">
      <figcaption class="evidence-labels">
        <b>{sentenceCase(trend.signal)}</b>
        <span>{said}</span>
      </figcaption>
      <div class="evidence-frame">
        <svg
          viewBox="0 0 600 160"
          preserveAspectRatio="none"
          role="img"
          aria-label={`${trend.signal} before the order was raised: ${said}`}
        >
          {limits.map(({ name, y }) => (
            <line key={name} class={`evidence-limit evidence-${name}`} x1="0" x2="600" y1={y} y2={y} />
          ))}
          {expectedY !== null && <line class="evidence-usual" x1="0" x2="600" y1={expectedY} y2={expectedY} />}
          <path class="evidence-line" d={path} />
        </svg>
        {limits.map(({ name, y }) => (
          <Label key={name} text={name === '' ? 'limit' : name} y={y} />
        ))}
        {expectedY !== null && <Label text="usual" y={expectedY} />}
      </div>
      <div class="evidence-labels">
        <span>{formatMoment(from, zone)}</span>
        <span>
          {formatMoment(to, zone)} {formatZone(to, zone)}
        </span>
      </div>
    </figure>
  );
}

/** The name of a line of the plot, at its left end; HTML, since text in the stretched SVG would be stretched too. */
function Label({ text, y }: { text: string; y: number }) {
  return (
    <span class="evidence-name" style={`top:${((y / 160) * 100).toFixed(1)}%`} aria-hidden="true">
      {text}
    </span>
  );
}
