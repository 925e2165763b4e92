import { useEffect } from 'preact/hooks';
import type { Ledger } from '../../api/schemas/ledger.ts';
import type { Gateway, Source, SourcesAnswer } from '../../api/schemas/source.ts';
import { get } from '../fetch.ts';
import { formatBytes, formatCount, unknownFigure } from '../format/numbers.ts';
import { formatAgo, formatMoment, formatRecent } from '../format/times.ts';
import { now, wantValues } from '../live/store.ts';
import { DiscoveredList } from '../parts/discovered-list.tsx';
import { GapMap } from '../parts/gap-map.tsx';
import { Icon } from '../parts/icon.tsx';
import { Failed, Waiting } from '../parts/notice.tsx';
import { RejectedList } from '../parts/rejected-list.tsx';
import { useResource } from '../parts/resource.ts';
import { signOut } from '../session.ts';

/** These tables speak of computers, not of one plant: their times are the viewer's own. */
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
/** A source whose clock is further off than this is shown as wrong. */
const skewLimitMs = 2000;

/** A connection over which nothing has come for so long is no proof of life. */
const silentMs = 60_000;

/** Where every dash of the other pages leads: what came in, what did not, and why. */
export default function DataPage() {
  useEffect(() => wantValues({ values: 'none' }), []);
  return (
    <div class="page">
      <header class="page-head">
        <h1>Data health</h1>
        <span class="muted">Times in {zone.replace('_', ' ')}</span>
        <button type="button" class="narrow-only" onClick={signOut}>
          Sign out
        </button>
      </header>
      <Books />
      <Sources />
      <GapMap zone={zone} />
      <DiscoveredList />
      <RejectedList zone={zone} />
    </div>
  );
}

function Books() {
  const ledger = useResource<Ledger>('ledger', (abort) => get('/ledger?limit=1', abort), 10);
  if (ledger.value === null)
    return ledger.error === null ? (
      <Waiting lines={3} />
    ) : (
      <Failed what="The ledger" error={ledger.error} retry={ledger.reload} />
    );
  const { balanced, differences, in_journal, totals, sources } = ledger.value;
  const sum = (name: 'received' | 'stored' | 'duplicate' | 'rejected' | 'parked' | 'dropped'): number =>
    sources.reduce((all, source) => all + source[name], 0);
  return (
    <section class="panel">
      <h2>The books</h2>
      <p class={balanced ? 'verdict' : 'verdict verdict-wrong'} data-balanced={balanced}>
        <Icon name={balanced ? 'check' : 'down'} />
        {balanced ? 'Balanced: every reading received is accounted for' : 'Not balanced'}
      </p>
      {differences.map((difference) => (
        <p key={difference.source_name} class="overdue">
          {difference.sentence}
        </p>
      ))}
      <p class="equation">
        <Term name="received" value={sum('received')} /> =
        <Term name="stored" value={sum('stored')} /> +
        <Term name="duplicate" value={sum('duplicate')} /> +
        <Term name="rejected" value={sum('rejected')} /> +
        <Term name="parked" value={sum('parked')} /> +
        <Term name="dropped" value={sum('dropped')} />
      </p>
      <p class="muted small">
        Since the beginning, once stored; {formatCount(in_journal)} more are safe in the journal and not stored yet. In
        the last hour: {formatCount(totals.received)} received, {formatCount(totals.late)} late,{' '}
        {formatCount(totals.lost_upstream)} lost before they reached Millrace.
      </p>
    </section>
  );
}

function Term({ name, value }: { name: string; value: number }) {
  return (
    <span>
      <b>{formatCount(value)}</b> <span class="muted">{name}</span>
    </span>
  );
}

function Sources() {
  const answer = useResource<SourcesAnswer>('sources', (abort) => get('/sources', abort), 5);
  if (answer.value === null)
    return answer.error === null ? (
      <Waiting lines={8} />
    ) : (
      <Failed what="The sources" error={answer.error} retry={answer.reload} />
    );
  const { items, gateways } = answer.value;
  return (
    <>
      <section class="panel">
        <h2>Sources</h2>
        {items.length === 0 && <p class="muted">Nothing has spoken to Millrace yet.</p>}
        <div class="scroll-x">
          <table class="figures">
            <thead>
              <tr>
                <th>Source</th>
                <th style="text-align:left">State</th>
                <th>Last message</th>
                <th>Readings/s</th>
                <th>Clock off by</th>
                <th>Rejected 24 h</th>
                <th>Lost upstream 24 h</th>
              </tr>
            </thead>
            <tbody>
              {items.map((source) => (
                <SourceRow key={source.source_id} source={source} />
              ))}
            </tbody>
          </table>
        </div>
      </section>
      <section class="panel">
        <h2>Gateways</h2>
        {gateways.length === 0 && <p class="muted">No gateway has reported yet.</p>}
        {gateways.map((gateway) => (
          <GatewayLine key={gateway.gateway_id} gateway={gateway} />
        ))}
      </section>
    </>
  );
}

function SourceRow({ source }: { source: Source }) {
  const silentSince = source.last_message_at === null ? null : Date.parse(source.last_message_at);
  const isSilent = silentSince !== null && source.received_per_second === 0 && now.value - silentSince > silentMs;
  const skewed = source.skew_ms !== null && Math.abs(source.skew_ms) > skewLimitMs;
  return (
    <tr class={source.connected === false ? 'offline' : ''}>
      <td>
        {source.name} <span class="muted small">{source.protocol}</span>
      </td>
      <td style="text-align:left">
        {source.connected === false && (
          <b>No connection{silentSince !== null && ` since ${formatMoment(silentSince, zone)}`}</b>
        )}
        {source.connected === true && (
          <>
            Connected
            {silentSince === null && <span class="muted">, nothing heard yet</span>}
            {isSilent && <span class="warn">, silent since {formatRecent(silentSince, zone, now.value)}</span>}
          </>
        )}
        {source.connected === null && <span class="muted">does not say</span>}
      </td>
      <td>{silentSince === null ? 'never' : formatAgo(silentSince, now.value)}</td>
      <td>{formatCount(source.received_per_second)}</td>
      <td class={skewed ? 'warn' : ''}>
        {source.skew_ms === null ? unknownFigure : `${formatCount(source.skew_ms)} ms`}
      </td>
      <td class={source.rejected_today > 0 ? 'warn' : 'muted'}>{formatCount(source.rejected_today)}</td>
      <td class={source.lost_upstream_today > 0 ? 'warn' : 'muted'}>{formatCount(source.lost_upstream_today)}</td>
    </tr>
  );
}

function GatewayLine({ gateway }: { gateway: Gateway }) {
  const reported = gateway.reported_at === null ? null : Date.parse(gateway.reported_at);
  return (
    <p>
      Gateway {gateway.gateway_id}:{' '}
      {gateway.silent ? (
        <b class="overdue">silent, last heard {formatAgo(reported, now.value)}</b>
      ) : (
        `reported ${formatAgo(reported, now.value)}`
      )}{' '}
      · journal {formatCount(gateway.journal_readings)} readings, {formatBytes(gateway.journal_bytes)}
    </p>
  );
}
