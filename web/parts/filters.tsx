import { get } from '../fetch.ts';
import { plant } from '../plant.ts';
import { changeQuery, queryValue, setQuery } from '../router.ts';

interface Row {
  site_id: number;
  line_id: number;
  machine_id: number;
  priority: number;
}

/** Whether a row passes the filters in the address. Priority 2 means 1 and 2: nobody wants the second most urgent alone. */
export function matches(row: Row): boolean {
  for (const name of ['site', 'line', 'machine'] as const) {
    const wanted = queryValue(name);
    if (wanted !== null && wanted !== String(row[`${name}_id`])) return false;
  }
  const priority = Number(queryValue('priority') ?? 4);
  return row.priority <= priority;
}

/** The filters as the API takes them: it knows single priorities only, so "P1 and P2" is two questions. */
export function filterQueries(): string[] {
  const names = ['site', 'line', 'machine'].filter((name) => queryValue(name) !== null);
  const place = names.map((name) => `&${name}=${encodeURIComponent(queryValue(name) ?? '')}`).join('');
  const least = Number(queryValue('priority'));
  return [1, 2, 3].includes(least)
    ? Array.from({ length: least }, (_, before) => `${place}&priority=${before + 1}`)
    : [place];
}

/** The newest rows that pass the filters, at most a hundred. `timeOf` is what the list of the API is sorted by. */
export async function newestFiltered<Item>(
  path: string,
  queries: string[],
  timeOf: (item: Item) => string,
  abort: AbortSignal,
): Promise<Item[]> {
  const pages = await Promise.all(
    queries.map((query) => get<{ items: Item[] }>(`${path}limit=${mostRows}${query}`, abort)),
  );
  return pages
    .flatMap((page) => page.items)
    .sort((a, b) => timeOf(b).localeCompare(timeOf(a)))
    .slice(0, mostRows);
}
const mostRows = 100;

/** Which rows a list shows: `choices` for the parameter `show`, a site, a line, a least priority. All in the address. */
export function Filters({ choices }: { choices: [value: string, label: string][] }) {
  const show = queryValue('show') ?? '';
  const sites = plant.value?.sites ?? [];
  const site = queryValue('site');
  const lines = (plant.value?.lines ?? []).filter((line) => site === null || String(line.site_id) === site);
  const set =
    (name: string, more: Record<string, null> = {}) =>
    (event: Event) =>
      setQuery({ [name]: (event.currentTarget as HTMLSelectElement).value || null, ...more });
  return (
    <div class="filters">
      <nav class="segments" aria-label="Which">
        {choices.map(([value, label]) => (
          <a
            key={value}
            href={`${location.pathname}${changeQuery(location.search, { show: value || null })}`}
            aria-current={show === value ? 'true' : undefined}
          >
            {label}
          </a>
        ))}
      </nav>
      <select aria-label="Site" value={site ?? ''} onChange={set('site', { line: null, machine: null })}>
        <option value="">All sites</option>
        {sites.map((one) => (
          <option key={one.site_id} value={String(one.site_id)}>
            {one.title}
          </option>
        ))}
      </select>
      <select aria-label="Line" value={queryValue('line') ?? ''} onChange={set('line', { machine: null })}>
        <option value="">All lines</option>
        {lines.map((one) => (
          <option key={one.line_id} value={String(one.line_id)}>
            {one.site_title} – {one.title}
          </option>
        ))}
      </select>
      <select aria-label="Priority" value={queryValue('priority') ?? ''} onChange={set('priority')}>
        <option value="">All priorities</option>
        <option value="1">P1 only</option>
        <option value="2">P1 and P2</option>
        <option value="3">P1 to P3</option>
      </select>
    </div>
  );
}
