import { stripVTControlCharacters } from 'node:util';
import { setErrorLogger, setWarningLogger } from 'node-opcua';
import type { Log } from '../../../core/log.ts';
import { requireSetting } from '../../../core/settings.ts';
import type { Receiver, ReceiverContext } from '../receiver.ts';
import { openLastHeard } from './last-heard.ts';
import { openLink } from './link.ts';

export interface OpcuaTiming {
  /** Data that stay away for so long (and for 20 sampling intervals) are looked into. */
  silenceMs: number;
  /** Items that a server refuses are tried again after so long. */
  retryItemsMs: number;
}

const usualTiming: OpcuaTiming = { silenceMs: 30_000, retryItemsMs: 30_000 };

/**
 * Subscribes at every server of OPCUA_URLS to the nodes that signals come from (README.md of this folder). Connects in
 * the background and again for ever; a server that fails does not disturb the others. Throws a SettingsError when
 * OPCUA_URLS is not set.
 */
export function receiveOpcua(context: ReceiverContext, timing: OpcuaTiming = usualTiming): Receiver {
  const { settings, registry } = context;
  const urls = new Set(requireSetting(settings, 'OPCUA_URLS'));
  routeLibraryLog(context.log.child({ receiver: 'opcua' }));
  const lastHeard = openLastHeard(settings.DATA_DIR);
  const claims = new Map<string, string>();
  const links = [...urls].map((url) => openLink({ context, url, claims, lastHeard, ...timing }));
  const stopListening = registry.onChange(() => {
    for (const link of links) link.adapt();
  });
  return {
    states: () => links.map((link) => link.state()),
    async close() {
      stopListening();
      await Promise.all(links.map((link) => link.close()));
    },
  };
}

/** node-opcua prints its warnings, in colours, to the console; here they are debug lines like everyone else's. */
function routeLibraryLog(log: Log): void {
  const write = (...words: unknown[]): void => log.debug(stripVTControlCharacters(words.map(String).join(' ')));
  setWarningLogger(write);
  setErrorLogger(write);
}
