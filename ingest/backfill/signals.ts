import type { Connection } from '../../core/database.ts';
import type { SignalKind } from '../../core/reading.ts';

/** A signal that readings can be back-filled to. */
export interface BackfillSignal {
  signal_id: number;
  machine_id: number;
  kind: SignalKind;
  /** enterprise/site/line/machine/signal */
  path: string;
}

export interface BackfillSignals {
  /** By full path, by path without the enterprise, or by a source address (a topic, a Sparkplug metric, a node id). */
  find(name: string): BackfillSignal | undefined;
  byId(signalId: number): BackfillSignal | undefined;
  /** Of the known names, one that looks like `name`, for a message. */
  resembling(name: string): string | undefined;
}

/** Reads all signals of an organization. */
export async function loadBackfillSignals(connection: Connection, organizationId: number): Promise<BackfillSignals> {
  const rows = await connection.query<BackfillSignal & { short: string; addresses: string[] }>(
    `select g.signal_id, g.machine_id, g.kind, concat_ws('/', o.name, s.name, l.name, m.name, g.name) as path,
            concat_ws('/', s.name, l.name, m.name, g.name) as short,
            array(select address from signal_source ss where ss.signal_id = g.signal_id) as addresses
       from signal g join machine m using (machine_id) join line l using (line_id) join site s using (site_id)
       join organization o on o.organization_id = g.organization_id
      where g.organization_id = $1 order by g.signal_id`,
    [organizationId],
  );
  const byName = new Map<string, BackfillSignal>();
  const byId = new Map<number, BackfillSignal>();
  for (const { short, addresses, ...signal } of rows) {
    for (const name of [...addresses, short, signal.path]) byName.set(name, signal);
    byId.set(signal.signal_id, signal);
  }
  return {
    find: (name) => byName.get(name),
    byId: (signalId) => byId.get(signalId),
    resembling(name) {
      const last = lastOf(name);
      let best: { path: string; score: number } | undefined;
      for (const { path } of byId.values()) {
        const score = likeness(name, path);
        if (score > (best?.score ?? 0.6) && likeness(last, lastOf(path)) > 0.4) best = { path, score };
      }
      return best?.path;
    },
  };
}

const lastOf = (path: string): string => path.split('/').at(-1) ?? '';

/** Dice's coefficient of letter pairs, 0 to 1: above 0.6 it is a slip of the finger, below another thing. */
function likeness(one: string, other: string): number {
  const left = pairs(one);
  const right = pairs(other);
  return (2 * [...left].filter((pair) => right.has(pair)).length) / Math.max(1, left.size + right.size);
}

function pairs(name: string): Set<string> {
  const text = name.toLowerCase();
  return new Set(Array.from({ length: Math.max(0, text.length - 1) }, (_, index) => text.slice(index, index + 2)));
}
