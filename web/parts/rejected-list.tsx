import { useSignal } from '@preact/signals';
import type { RejectedPage, RejectedReading } from '../../api/schemas/ledger.ts';
import { get, post, sentenceFor } from '../fetch.ts';
import { formatMoment } from '../format/times.ts';
import { Failed, Waiting } from './notice.tsx';
import { useResource } from './resource.ts';

/** Readings that were refused, with the reason, the bytes, and a second try for those that have been put right. */
export function RejectedList({ zone }: { zone: string }) {
  const list = useResource<RejectedPage>('rejected', (abort) => get('/rejected?resolved=false&limit=50', abort), 15);
  if (list.value === null)
    return list.error === null ? (
      <Waiting lines={3} />
    ) : (
      <Failed what="Rejected readings" error={list.error} retry={list.reload} />
    );
  const { items, next } = list.value;
  return (
    <section class="panel">
      <h2>Rejected readings</h2>
      {items.length === 0 && <p class="muted">No rejected reading is left.</p>}
      {items.length > 0 && (
        <div class="scroll-x">
          <table>
            <thead>
              <tr>
                <th>Received</th>
                <th>Address</th>
                <th>Why</th>
                <th>As it came</th>
                <th>Once more</th>
              </tr>
            </thead>
            <tbody>
              {items.map((row) => (
                <Row key={row.rejected_reading_id} row={row} zone={zone} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {next !== null && <p class="muted">The newest {items.length} are shown.</p>}
    </section>
  );
}

function Row({ row, zone }: { row: RejectedReading; zone: string }) {
  return (
    <tr data-rejected={row.rejected_reading_id}>
      <td>{formatMoment(Date.parse(row.received_at), zone)}</td>
      <td class="address">{row.address}</td>
      <td>
        <b>{row.reason.replaceAll('_', ' ')}</b>
        <br />
        {row.detail}
      </td>
      <td class="payload">
        {/* Every digit: the value of a conflict may differ from the stored one in the last place. */}
        <code>{row.payload?.slice(0, 200) ?? row.value ?? 'no value'}</code>
      </td>
      <td class="replay">
        {row.not_replayable === null ? (
          <Replay id={row.rejected_reading_id} />
        ) : (
          <span class="muted small">{row.not_replayable}</span>
        )}
      </td>
    </tr>
  );
}

/** Asks ingest to try it again. What is right by then leaves the list at one of its next looks. */
function Replay({ id }: { id: number }) {
  const said = useSignal<string | null>(null);

  async function ask(): Promise<void> {
    try {
      await post(`/rejected/${id}/replay`);
      said.value = 'Asked for; what is still wrong stays here.';
    } catch (failure) {
      said.value = sentenceFor(failure);
    }
  }

  return (
    <>
      <button type="button" onClick={() => void ask()}>
        Try again
      </button>
      <span class="small" role="status">
        {said.value}
      </span>
    </>
  );
}
