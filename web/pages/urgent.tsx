import { useComputed } from '@preact/signals';
import { formatAgo } from '../format/times.ts';
import { now, openOrders } from '../live/store.ts';
import { Priority, sentenceCase } from '../parts/words.tsx';

/** Open work orders of priority 1 and 2, newest first in each. Its height never changes. */
export function Urgent() {
  const urgent = useComputed(() =>
    [...(openOrders.value?.values() ?? [])]
      .filter((order) => order.priority <= 2)
      .sort((a, b) => a.priority - b.priority || b.created_at.localeCompare(a.created_at)),
  );
  const orders = urgent.value;
  return (
    <nav class="urgent" aria-label="Urgent work orders">
      {openOrders.value === null && <span class="muted">Work orders are being loaded</span>}
      {openOrders.value !== null && orders.length === 0 && (
        <span class="muted">No open work order of priority 1 or 2</span>
      )}
      {orders.length > 0 && (
        <a class="urgent-all" href="/work-orders?priority=2">
          {orders.length} urgent
        </a>
      )}
      <span class="urgent-list">
        {orders.slice(0, 12).map((order) => (
          <a key={order.work_order_id} class="urgent-item" href={`/work-orders/${order.work_order_id}`}>
            <Priority value={order.priority} />
            <b>{order.machine_title}</b>
            <span>{order.title}</span>
            <span class="muted">
              {sentenceCase(order.state)} · <Ago at={order.created_at} />
            </span>
          </a>
        ))}
      </span>
    </nav>
  );
}

function Ago({ at }: { at: string }) {
  const text = useComputed(() => formatAgo(Date.parse(at), now.value));
  return <>{text}</>;
}
