import { computed } from '@preact/signals';
import { openAlarms, openOrders } from '../live/store.ts';

export interface OpenWork {
  alarms: number;
  orders: number;
  /** The most urgent of both, 1 … 4. */
  priority: number;
}

/** Open alarms and work orders by machine; machines with neither are absent. */
export const openByMachine = computed(() => count((row) => row.machine_id));
/** The same by line. */
export const openByLine = computed(() => count((row) => row.line_id));

function count(key: (row: { machine_id: number; line_id: number }) => number): Map<number, OpenWork> {
  const found = new Map<number, OpenWork>();
  const at = (id: number, priority: number): OpenWork => {
    const open = found.get(id) ?? { alarms: 0, orders: 0, priority: 4 };
    open.priority = Math.min(open.priority, priority);
    found.set(id, open);
    return open;
  };
  for (const alarm of openAlarms.value?.values() ?? []) at(key(alarm), alarm.priority).alarms++;
  for (const order of openOrders.value?.values() ?? []) at(key(order), order.priority).orders++;
  return found;
}
