import { join } from 'node:path';
import { requireSetting } from '../../../core/settings.ts';
import type { Receiver, ReceiverContext } from '../receiver.ts';
import { openKeptNumbers } from './kept-numbers.ts';
import type { Link } from './link.ts';

export interface OpcuaTiming {
  /** Data that stay away for so long (and for 20 sampling intervals) are looked into. */
  silenceMs: number;
  /** Items that a server refuses are tried again after so long. */
  retryItemsMs: number;
  /** A connection that is back sooner leaves no stale readings; node-opcua's first attempts take about a second. */
  staleAfterMs: number;
}

const usualTiming: OpcuaTiming = { silenceMs: 30_000, retryItemsMs: 30_000, staleAfterMs: 2000 };

/**
 * Subscribes at every server of OPCUA_URLS to the nodes that signals come from (README.md of this folder). Connects in
 * the background and again for ever; a server that fails does not disturb the others. Throws a SettingsError when
 * OPCUA_URLS is not set.
 */
export function receiveOpcua(context: ReceiverContext, timing: Partial<OpcuaTiming> = {}): Receiver {
  const { settings, registry, log } = context;
  const urls = new Set(requireSetting(settings, 'OPCUA_URLS'));
  const lastHeard = openKeptNumbers(join(settings.DATA_DIR, 'opcua', 'last-heard.json'));
  const staleMarks = openKeptNumbers(join(settings.DATA_DIR, 'opcua', 'stale.json'));
  const claims = new Map<string, string>();
  const links = new Map<string, Link>();
  let isClosed = false;

  // node-opcua takes half a second and 100 MB to load, which a plant without OPC UA should not pay.
  const opening = import('./link.ts').then(
    ({ openLink, routeLibraryLog }) => {
      if (isClosed) return;
      routeLibraryLog(log.child({ receiver: 'opcua' }));
      const shared = { context, claims, lastHeard, staleMarks, ...usualTiming, ...timing };
      for (const url of urls) links.set(url, openLink({ ...shared, url }));
    },
    (error: unknown) => log.fatal({ error }, 'OPC UA cannot be loaded; is the installation whole?'),
  );
  const stopListening = registry.onChange(() => {
    for (const link of links.values()) link.adapt();
  });
  return {
    states: () =>
      [...urls].map(
        (url) =>
          links.get(url)?.state() ?? { protocol: 'opcua', name: url, connected: false, status: { last_error: '' } },
      ),
    async close() {
      isClosed = true;
      stopListening();
      await opening;
      await Promise.all([...links.values()].map((link) => link.close()));
    },
  };
}
