import { signal } from '@preact/signals';
import { plant } from './plant.ts';
import type { Route } from './router.ts';

const names: Record<Exclude<Route['page'], 'line' | 'machine'>, string> = {
  overview: 'Plant',
  alarms: 'Alarms',
  'work-orders': 'Work orders',
  'work-order': 'Work order',
  data: 'Data health',
  login: 'Sign in',
  missing: 'No such page',
};

/** The order that its page shows, once it is loaded. */
export const shownOrder = signal<{ number: string; title: string } | null>(null);

/** What a browser's tab says: with a dozen of them open, the machine first and the product last. */
export function titleOf(route: Route): string {
  return `${nameOf(route)} – Millrace`;
}

function nameOf(route: Route): string {
  switch (route.page) {
    case 'line': {
      const line = plant.value?.lines.find((one) => one.line_id === route.id);
      return line === undefined ? 'Line' : `${line.title}, ${line.site_title}`;
    }
    case 'machine': {
      const machine = plant.value?.machines.find((one) => one.machine_id === route.id);
      return machine === undefined ? 'Machine' : `${machine.machine_title}, ${machine.line_title}`;
    }
    case 'work-order': {
      const order = shownOrder.value;
      return order === null ? names['work-order'] : `${order.number} ${order.title}`;
    }
    default:
      return names[route.page];
  }
}
