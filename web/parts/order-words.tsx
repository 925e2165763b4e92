import { useComputed } from '@preact/signals';
import type { WorkOrder } from '../../api/schemas/work-order.ts';
import { formatDuration } from '../format/times.ts';
import { isOpenOrder } from '../live/open.ts';
import { now } from '../live/store.ts';
import { Moment } from './words.tsx';

/** Whether what raised the order still holds. */
export function ConditionWord({ order }: { order: Pick<WorkOrder, 'condition' | 'state'> }) {
  if (!isOpenOrder(order)) return null;
  switch (order.condition) {
    case 'active':
      return <span title="The condition that raised it still holds">● still active</span>;
    case 'cleared':
      return <span title="The condition that raised it no longer holds">○ cleared</span>;
    case 'unknown':
      return (
        <span class="warn" title="The sensor is silent, so nobody knows whether the condition still holds">
          ? sensor silent
        </span>
      );
  }
}

/** When the order is due, and loudly when that has passed; `bare` where a heading says "Due" already. */
export function DueDate({ order, bare = false }: { order: WorkOrder; bare?: boolean }) {
  const late = useComputed(() => {
    if (order.due_at === null || !isOpenOrder(order)) return null;
    const seconds = (now.value - Date.parse(order.due_at)) / 1000;
    return seconds > 0 ? formatDuration(seconds) : null;
  });
  if (order.due_at === null) return bare ? <span>—</span> : null;
  if (late.value !== null) return <span class="overdue">overdue {late}</span>;
  return (
    <span>
      {!bare && 'due '}
      <Moment at={order.due_at} site={order.site_id} />
    </span>
  );
}
