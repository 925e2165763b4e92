import { computed, signal } from '@preact/signals';

/** Every page and what its address carries. All view state is in the address, so that a link shows what its sender saw. */
export type Route =
  | { page: 'overview' }
  | { page: 'line'; id: number }
  | { page: 'machine'; id: number }
  | { page: 'alarms' }
  | { page: 'work-orders' }
  | { page: 'work-order'; id: number }
  | { page: 'data' }
  | { page: 'login' }
  | { page: 'missing' };

const listPages = ['alarms', 'work-orders', 'data', 'login'] as const;
const detailPages = new Map<string, 'line' | 'machine' | 'work-order'>([
  ['lines', 'line'],
  ['machines', 'machine'],
  ['work-orders', 'work-order'],
]);

/** The route of a path; anything that is no page of ours is `missing`. */
export function parseRoute(path: string): Route {
  const parts = path.split('/').filter((part) => part !== '');
  if (parts.length === 0) return { page: 'overview' };
  const [first = '', second] = parts;
  if (parts.length === 1) {
    const page = listPages.find((name) => name === first);
    return page === undefined ? { page: 'missing' } : { page };
  }
  const page = detailPages.get(first);
  if (page === undefined || parts.length > 2 || !/^[1-9]\d{0,9}$/.test(second ?? '')) return { page: 'missing' };
  return { page, id: Number(second) };
}

/** The path of a route. */
export function pathOf(route: Route): string {
  switch (route.page) {
    case 'overview':
    case 'missing':
      return '/';
    case 'line':
      return `/lines/${route.id}`;
    case 'machine':
      return `/machines/${route.id}`;
    case 'work-order':
      return `/work-orders/${route.id}`;
    default:
      return `/${route.page}`;
  }
}

/** `search` with some parameters changed; null removes one. Order is kept, so that equal views have equal addresses. */
export function changeQuery(search: string, changes: Record<string, string | null>): string {
  const query = new URLSearchParams(search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}

const inBrowser = typeof window !== 'undefined';
const address = signal(inBrowser ? location.pathname + location.search : '/');

export const route = computed(() => parseRoute(address.value.split('?')[0] ?? '/'));
const search = computed(() => address.value.slice((address.value.split('?')[0] ?? '').length));

/** One parameter of the present address. */
export function queryValue(name: string): string | null {
  return new URLSearchParams(search.value).get(name);
}

/** Goes to another page of ours. */
export function navigate(to: string, replace = false): void {
  if (to === address.value) return;
  history[replace ? 'replaceState' : 'pushState'](null, '', to);
  const pathBefore = address.value.split('?')[0];
  address.value = to;
  if (to.split('?')[0] !== pathBefore) scrollTo(0, 0);
}

/** Changes the view state of this page. Typing and zooming replace the entry; choosing a range adds one to go back to. */
export function setQuery(changes: Record<string, string | null>, replace = true): void {
  navigate(`${location.pathname}${changeQuery(search.peek(), changes)}`, replace);
}

/** Lets plain links to our own pages change the page without a reload; modified clicks stay the browser's. */
export function followLinks(): void {
  addEventListener('popstate', () => {
    address.value = location.pathname + location.search;
  });
  document.addEventListener('click', (event) => {
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    )
      return;
    const link = (event.target as Element | null)?.closest('a');
    if (!link || link.origin !== location.origin || link.target !== '' || link.hasAttribute('download')) return;
    if (parseRoute(link.pathname).page === 'missing') return;
    event.preventDefault();
    navigate(link.pathname + link.search);
  });
}
