import { useSignal } from '@preact/signals';
import type { Discovered, DiscoveredPage, MapAnswer, MapBody } from '../../api/schemas/discovered.ts';
import { get, post, sentenceFor } from '../fetch.ts';
import { formatCount } from '../format/numbers.ts';
import { formatAgo } from '../format/times.ts';
import { now } from '../live/store.ts';
import { plant } from '../plant.ts';
import { Failed, Waiting } from './notice.tsx';
import { useResource } from './resource.ts';
import { formText } from './form-text.ts';

/** Addresses that speak and are mapped to nothing, and the form that maps one. */
export function DiscoveredList() {
  const list = useResource<DiscoveredPage>(
    'discovered',
    (abort) => get('/discovered?ignored=false&limit=50', abort),
    15,
  );
  const mapping = useSignal<number | null>(null);
  if (list.value === null)
    return list.error === null ? (
      <Waiting lines={3} />
    ) : (
      <Failed what="Discovered addresses" error={list.error} retry={list.reload} />
    );
  const { items, next } = list.value;
  return (
    <section class="panel">
      <h2>Discovered addresses</h2>
      {items.length === 0 && <p class="muted">Every address that speaks is mapped to a signal.</p>}
      <ul class="stack">
        {items.map((item) => (
          <li key={item.discovered_address_id}>
            <div class="actions">
              <span class="address" style="flex:1">
                {item.address}
              </span>
              <button
                type="button"
                onClick={() =>
                  (mapping.value = mapping.value === item.discovered_address_id ? null : item.discovered_address_id)
                }
              >
                Map
              </button>
              <button
                type="button"
                class="plain"
                onClick={() =>
                  void post(`/discovered/${item.discovered_address_id}/ignore`, { ignored: true }).finally(list.reload)
                }
              >
                Ignore
              </button>
            </div>
            <span class="muted small">
              {item.protocol} · last {formatAgo(Date.parse(item.last_seen_at), now.value)} · {formatCount(item.parked)}{' '}
              readings parked
              {item.sample !== null && ` · such as ${item.sample}`}
            </span>
            {mapping.value === item.discovered_address_id && (
              <MapForm
                item={item}
                done={() => {
                  mapping.value = null;
                  list.reload();
                }}
              />
            )}
          </li>
        ))}
      </ul>
      {next !== null && <p class="muted">The first {items.length} are shown.</p>}
    </section>
  );
}

/** Makes a signal of an address; its parked readings are stored under it. */
function MapForm({ item, done }: { item: Discovered; done(): void }) {
  const error = useSignal<string | null>(null);
  const machines = plant.value?.machines ?? [];
  const parts = item.address.split('/');
  const guess = machines.find(
    (one) =>
      one.machine_name === parts.at(-2) && one.line_name === parts.at(-3) && item.address.includes(one.site_name),
  );
  const name = parts.at(-1) ?? '';

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const text = (field: string): string => formText(form, field);
    const body: MapBody = {
      machine_id: Number(text('machine')),
      name: text('name'),
      kind: text('kind') as MapBody['kind'],
      quantity: text('quantity'),
      unit: text('unit'),
    };
    error.value = null;
    try {
      await post<MapAnswer>(`/discovered/${item.discovered_address_id}/map`, body);
      done();
    } catch (failure) {
      error.value = sentenceFor(failure);
    }
  }

  return (
    <form class="form" onSubmit={(event) => void submit(event)}>
      <label>
        Machine
        <select name="machine" required>
          {machines.map((machine) => (
            <option key={machine.machine_id} value={machine.machine_id} selected={machine === guess}>
              {machine.site_title} – {machine.line_title} – {machine.machine_title}
            </option>
          ))}
        </select>
      </label>
      <div class="form-row">
        <label>
          Signal name
          <input name="name" required defaultValue={name} />
        </label>
        <label>
          Kind
          <select name="kind">
            {['measurement', 'state', 'counter', 'fault', 'order'].map((kind) => (
              <option key={kind}>{kind}</option>
            ))}
          </select>
        </label>
      </div>
      <div class="form-row">
        <label>
          Quantity
          <input name="quantity" required defaultValue={name} />
        </label>
        <label>
          Unit (UCUM)
          <input name="unit" placeholder="Cel, mm/s, bar" />
        </label>
      </div>
      <p class="form-error" role="alert">
        {error}
      </p>
      <div class="actions">
        <button type="submit" class="primary">
          Map
        </button>
        <button type="button" onClick={done}>
          Cancel
        </button>
      </div>
    </form>
  );
}
