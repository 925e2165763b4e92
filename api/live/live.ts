import { monotonic, pause, type Clock } from '../../core/clock.ts';
import type { Database } from '../../core/database.ts';
import { feedChannel } from '../../core/feed.ts';
import type { Log } from '../../core/log.ts';
import { metric } from '../../core/metrics.ts';
import { findGoodSessions } from '../auth/session.ts';
import { withOrganization } from '../organization.ts';
import { readKnownTo } from '../queries/known-to.ts';
import type { LiveClient } from './client.ts';
import { createEventWriter } from './events.ts';
import { createFeedFollower } from './follow-feed.ts';
import { loadPlantView, noChanges, refreshPlantView, type ChangedRows, type PlantView } from './plant-view.ts';
import { snapshotOf, type Moment } from './scope-events.ts';
import { scopeKey } from './scope.ts';
import { sendEvents, type Audience } from './send-events.ts';

export interface Live {
  /** Whether one more client may join. */
  hasRoom(): boolean;
  /** Takes a client in and sends it its snapshot, now or with the first tick. */
  join(client: LiveClient): void;
  leave(client: LiveClient): void;
  /** Milliseconds since the database stored the newest batch seen, by the database's and our clock; null: none seen. */
  feedAgeMs(): number | null;
  close(): Promise<void>;
}

export interface LiveOptions {
  database: Database;
  log: Log;
  clock: Clock;
  maxClients?: number;
  /** Least time between two events of a topic. */
  tickMs?: number;
  heartbeatMs?: number;
  /** A client whose socket stays full for this long is cut off. */
  slowMs?: number;
  /** How often it is asked whether the sessions of open streams are still good. */
  sessionsMs?: number;
}

interface Organization {
  view: PlantView | null;
  audiences: Map<string, Audience>;
}

const statesEveryMs = 1000;
const oeeEveryMs = 5000;
const countsEveryMs = 60_000;

/**
 * Everything behind `/api/v1/stream`: follows the feed and what changes beside it, and sends each scope's clients the
 * same buffer, at most one a tick. Works from the database only, so any number of API processes can do it at once, and
 * does nothing while nobody listens.
 */
export function createLive(options: LiveOptions): Live {
  const {
    database,
    log,
    clock,
    maxClients = 500,
    tickMs = 200,
    heartbeatMs = 10_000,
    slowMs = 30_000,
    sessionsMs = 60_000,
  } = options;
  const closing = new AbortController();
  const writer = createEventWriter(clock());
  const feed = createFeedFollower();
  const organizations = new Map<number, Organization>();
  const clients = new Set<LiveClient>();
  const gauge = metric('gauge', 'millrace_stream_clients', 'Open live streams.');
  const skipped = metric('counter', 'millrace_stream_skipped_ticks_total', 'Ticks that a slow client was not sent.');
  let rows: ChangedRows = noRows();
  let rung = false;
  let wake: (() => void) | undefined;
  let running: Promise<void> | undefined;
  let following: Promise<unknown> | undefined;
  const listeners: Promise<void>[] = [];
  let reload = false;
  let knownToMs: number | null = null;
  const last = { tick: 0, states: 0, oee: 0, counts: 0, sessions: 0, heartbeat: 0 };

  const isDue = (what: keyof typeof last, everyMs: number): boolean => {
    if (monotonic() - last[what] < everyMs) return false;
    last[what] = monotonic();
    return true;
  };

  function ring(): void {
    rung = true;
    wake?.();
  }

  /** Resolves when the channel is listened to, or the stream closes; from then on no notification is missed unseen. */
  function follow(channel: string, onNotify: (payload: string) => void): Promise<void> {
    return new Promise((resolve) => {
      let isFirst = true;
      const listener = database.listen(
        channel,
        (payload) => {
          if (!isFirst) onNotify(payload);
          isFirst = false;
          resolve();
        },
        closing.signal,
      );
      listeners.push(listener.finally(resolve));
    });
  }

  function onPageChanged(payload: string): void {
    const [table = '', id] = payload.split(' ');
    if (table === 'alarm' || table === 'fault' || table === 'work_order') rows[table].add(Number(id));
    // An empty payload is a reconnect: something may have been missed.
    else reload = true;
    ring();
  }

  function onPlantChanged(): void {
    reload = true;
    ring();
  }

  async function run(): Promise<void> {
    following ??= Promise.all([
      follow(feedChannel, ring),
      follow('page_changed', onPageChanged),
      follow('plant_changed', onPlantChanged),
    ]);
    await following;
    while (clients.size > 0 && !closing.signal.aborted) {
      rung = false;
      last.tick = monotonic();
      try {
        await tick();
      } catch (error) {
        // The pages keep their heartbeat and see the values grow old; everything is read anew when the database is back.
        log.warn({ error }, 'the live stream could not read the database; it will read everything anew');
        reload = true;
        await pause(1000, closing.signal);
      }
      await waitForWork();
    }
    feed.stop();
    organizations.clear();
    running = undefined;
  }

  /** Until something rang, but not sooner than a tick after the last, and at most a second. */
  async function waitForWork(): Promise<void> {
    const rested = tickMs - (monotonic() - last.tick);
    if (rested > 0) await pause(rested, closing.signal);
    if (rung || closing.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, statesEveryMs);
      wake = done;
      function done(): void {
        clearTimeout(timer);
        wake = undefined;
        resolve();
      }
    });
  }

  async function tick(): Promise<void> {
    if (!feed.started) await feed.start(database);
    if (reload) {
      reload = false;
      await feed.start(database);
      for (const organization of organizations.values()) organization.view = null;
    }
    const changedRows = rows;
    rows = noRows();
    await feed.readOn(database, (readings, liveRows) => {
      for (const { view } of organizations.values()) view?.values.apply(readings, liveRows);
    });
    const due = {
      states: isDue('states', statesEveryMs),
      oee: isDue('oee', oeeEveryMs),
      counts: isDue('counts', countsEveryMs),
    };
    if (due.states) knownToMs = await readKnownTo(database);
    for (const [id, organization] of organizations) await tickOrganization(id, organization, due, changedRows);
    if (isDue('sessions', sessionsMs)) await endLostSessions();
  }

  async function tickOrganization(
    id: number,
    organization: Organization,
    due: { states: boolean; oee: boolean; counts: boolean },
    changedRows: ChangedRows,
  ): Promise<void> {
    const { view } = organization;
    if (view === null) {
      organization.view = await withOrganization(database, id, 'read', (connection) =>
        loadPlantView(connection, clock()),
      );
      for (const { clients: group } of organization.audiences.values())
        for (const client of group) client.behind = true;
      sendAll(organization, organization.view);
      return;
    }
    const anything =
      due.states ||
      due.oee ||
      due.counts ||
      changedRows.alarm.size + changedRows.fault.size + changedRows.work_order.size > 0;
    if (anything) {
      await withOrganization(database, id, 'read', (connection) =>
        refreshPlantView(view, connection, clock(), due, changedRows),
      );
    }
    sendAll(organization, view);
    view.values.settle();
    view.changed = noChanges();
  }

  function sendAll(organization: Organization, view: PlantView): void {
    skipped.inc(sendEvents(view, organization.audiences.values(), writer, { moment: moment(), slowMs }));
  }

  async function endLostSessions(): Promise<void> {
    const hashes = [...new Set([...clients].map((client) => client.token_hash))];
    const good = await findGoodSessions(database, hashes);
    for (const client of clients) if (!good.has(client.token_hash)) client.end();
  }

  function feedAgeMs(): number | null {
    return ageMs(feed.storedAtMs());
  }

  function ageMs(atMs: number | null): number | null {
    return atMs === null ? null : Math.max(0, clock() - atMs);
  }

  function moment(): Moment {
    return { server_time_ms: clock(), known_age_ms: ageMs(knownToMs) };
  }

  // Apart from the ticks, so that a database that does not answer does not silence the heartbeat.
  const heart = setInterval(() => {
    const beat = writer.write('heartbeat', { ...moment(), feed_age_ms: feedAgeMs() });
    for (const client of clients) if (client.started && client.fullSince() === null) client.send(beat);
  }, heartbeatMs);
  heart.unref();

  return {
    hasRoom: () => clients.size < maxClients && !closing.signal.aborted,
    join(client) {
      clients.add(client);
      gauge.set(clients.size);
      let organization = organizations.get(client.organization_id);
      if (organization === undefined) {
        organization = { view: null, audiences: new Map() };
        organizations.set(client.organization_id, organization);
      }
      const key = scopeKey(client.scope);
      const group: Audience = organization.audiences.get(key) ?? { scope: client.scope, clients: new Set() };
      group.clients.add(client);
      organization.audiences.set(key, group);
      if (organization.view === null) {
        client.behind = true;
      } else {
        client.started = true;
        client.send(writer.write('snapshot', snapshotOf(organization.view, client.scope, moment())));
      }
      running ??= run();
      ring();
    },
    leave(client) {
      if (!clients.delete(client)) return;
      gauge.set(clients.size);
      const organization = organizations.get(client.organization_id);
      const key = scopeKey(client.scope);
      const group = organization?.audiences.get(key);
      group?.clients.delete(client);
      if (group?.clients.size === 0) organization?.audiences.delete(key);
      if (organization?.audiences.size === 0) organizations.delete(client.organization_id);
    },
    feedAgeMs,
    async close() {
      clearInterval(heart);
      closing.abort();
      ring();
      for (const client of clients) client.end();
      await running;
      await Promise.all(listeners);
    },
  };
}

function noRows(): ChangedRows {
  return { alarm: new Set(), fault: new Set(), work_order: new Set() };
}
