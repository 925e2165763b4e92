import { monotonic } from '../../core/clock.ts';
import type { LiveClient } from './client.ts';
import type { EventWriter } from './events.ts';
import type { PlantView } from './plant-view.ts';
import { changesOf, snapshotOf, type Moment } from './scope-events.ts';
import type { Scope } from './scope.ts';

/** The clients who look at the same part of a plant; they are all sent the same buffer. */
export interface Audience {
  scope: Scope;
  clients: Set<LiveClient>;
}

/**
 * Sends each audience what changed since the last tick, or the whole to those who missed a tick. A client whose socket
 * is full is left out and will be sent the whole when there is room again; one whose socket stays full for `slowMs` is
 * cut off. Returns how many were left out although there was something to send.
 */
export function sendEvents(
  view: PlantView,
  audiences: Iterable<Audience>,
  writer: EventWriter,
  options: { moment: Moment; slowMs: number },
): number {
  let skipped = 0;
  for (const { scope, clients } of audiences) {
    const changes = changesOf(view, scope, options.moment.server_time_ms, writer);
    let snapshot: Buffer | undefined;
    for (const client of clients) {
      const fullSince = client.fullSince();
      if (fullSince !== null) {
        if (changes !== null) {
          client.behind = true;
          skipped++;
        }
        if (monotonic() - fullSince > options.slowMs) client.destroy();
      } else if (client.behind) {
        client.behind = false;
        client.started = true;
        snapshot ??= writer.write('snapshot', snapshotOf(view, scope, options.moment));
        client.send(snapshot);
      } else if (changes !== null) {
        client.send(changes);
      }
    }
  }
  return skipped;
}
