import { stripVTControlCharacters } from 'node:util';
import { setErrorLogger, setWarningLogger } from 'node-opcua';
import { monotonic, pause } from '../../../core/clock.ts';
import { retryDelay } from '../../../core/retry.ts';
import type { Log } from '../../../core/log.ts';
import type { ReceiverContext, Source, SourceState } from '../receiver.ts';
import { listCertificates, openCertificates } from './certificates.ts';
import { createClient } from './client.ts';
import type { Gaps } from './gaps.ts';
import type { KeptNumbers } from './kept-numbers.ts';
import { accessOf, readIdentity } from './server-access.ts';
import { createServerCounts } from './server-counts.ts';
import { openServerSession, type ServerSession } from './server-session.ts';
import { readServerFacts } from './server-facts.ts';
import type { Session } from './session.ts';
import { openUnheard } from './unheard.ts';

export interface LinkOptions {
  context: ReceiverContext;
  url: string;
  claims: Map<string, string>;
  lastHeard: KeptNumbers;
  staleMarks: KeptNumbers;
  /** Tests shorten these; see receive-opcua.ts for what is usual. */
  silenceMs: number;
  retryItemsMs: number;
  staleAfterMs: number;
}

/** The lasting relation to one server: connects again for ever, whatever happens to the other servers. */
export interface Link {
  state(): SourceState;
  /** The plant has changed. */
  adapt(): void;
  close(): Promise<void>;
}

const lookEveryMs = 1000;
/** For closing a session at a server that may not answer any more. */
const goodbyeMs = 3000;
/** A client that could not come back for so long is built anew, with fresh names and certificates. */
const longestReconnectMs = 300_000;

export function openLink(options: LinkOptions): Link {
  const { context, url, claims, lastHeard, staleMarks } = options;
  const { settings } = context;
  const log = context.log.child({ receiver: 'opcua' });
  const source: Source = { protocol: 'opcua', name: url };
  const access = accessOf(settings, url);
  const closing = new AbortController();
  const counts = createServerCounts();
  const gaps: Gaps = new Map();
  const unheard = openUnheard({ ...context, ...options, source, log, counts, signal: closing.signal });
  let server: ServerSession | undefined;
  let isConnected = false;
  let applicationUri = '';
  let lastError = '';
  let connections = 0;
  let shortItems = 0;

  /** One client from its connection to the failure that only a new one can put right. Throws that failure. */
  async function serveOnce(): Promise<void> {
    const identity = readIdentity(access);
    const certificates = await openCertificates(settings.DATA_DIR);
    const client = createClient(settings, access, certificates);
    let fail: (error: Error) => void = () => undefined;
    const failed = new Promise<never>((_, reject) => {
      fail = reject;
    });
    // Nobody waits for it until the session stands.
    failed.catch(() => undefined);
    closing.signal.addEventListener('abort', () => fail(new Error('closing')), { once: true });

    try {
      await Promise.race([client.connect(url), failed]);
      const session = (await Promise.race([client.createSession(identity), failed])) as Session;
      const facts = await readServerFacts(session);
      applicationUri = facts.applicationUri;
      const current = openServerSession({
        ...context,
        ...options,
        session,
        source,
        facts,
        log,
        counts,
        gaps,
        publishingMs: settings.OPCUA_PUBLISHING_MS,
        outageSeconds: settings.OPCUA_OUTAGE_SECONDS,
        onFailure: fail,
      });
      server = current;
      let lostAtMs = Number.POSITIVE_INFINITY;
      let losses = 0;
      client.on('connection_lost', () => {
        isConnected = false;
        losses++;
        lostAtMs = monotonic();
        unheard.begin(current.items(), current.heardServerMs);
        current.suspend();
        log.warn({ source: url }, 'the connection to an OPC UA server is lost');
      });
      client.on('connection_reestablished', () => {
        const lossesBefore = losses;
        current.recover().then(
          () => {
            isConnected = true;
            lostAtMs = Number.POSITIVE_INFINITY;
            unheard.end(current.items());
            log.info({ source: url }, 'the connection to an OPC UA server is back');
          },
          (error: Error) => {
            // Lost again in the middle: the next connection recovers, with the queues of the server still there.
            if (losses === lossesBefore) fail(error);
            else current.suspend();
          },
        );
      });
      await Promise.race([current.start(), failed]);
      isConnected = true;
      connections++;
      lastError = '';
      unheard.end(current.items());
      log.info(
        { source: url, items: countItems(current), application_uri: applicationUri },
        'OPC UA server is connected',
      );
      while (!closing.signal.aborted) {
        await Promise.race([pause(lookEveryMs, closing.signal), failed]);
        if (monotonic() - lostAtMs > longestReconnectMs) throw new Error('the connection did not come back');
        await Promise.race([current.look(), failed]);
        noteBridging(current);
        lastHeard.save();
        staleMarks.save();
      }
    } finally {
      if (server !== undefined) unheard.begin(server.items(), server.heardServerMs);
      server?.close();
      server = undefined;
      isConnected = false;
      const limit = new AbortController();
      await Promise.race([client.disconnect(), pause(goodbyeMs, limit.signal)]).catch(() => undefined);
      limit.abort();
      await certificates.dispose();
    }
  }

  /** Said once for each change: what the queues do not bridge is lost unless the server keeps a history. */
  function noteBridging({ bridging }: ServerSession): void {
    const { short_items } = bridging;
    if (short_items > shortItems) {
      const asked = settings.OPCUA_OUTAGE_SECONDS;
      log.warn(
        { source: url, ...bridging, asked_seconds: asked },
        'a server grants shorter queues or lifetimes than OPCUA_OUTAGE_SECONDS asks for',
      );
    }
    shortItems = short_items;
  }

  async function run(): Promise<void> {
    for (let attempt = 1; !closing.signal.aborted; attempt++) {
      const startedAt = monotonic();
      try {
        await serveOnce();
      } catch (error) {
        if (closing.signal.aborted) return;
        lastError = describe(error as Error);
        log.warn({ source: url, error: lastError }, 'an OPC UA server cannot be served, trying again');
      }
      if (monotonic() - startedAt > 60_000) attempt = 1;
      await pause(retryDelay({ minMs: 500, maxMs: 10_000 }, attempt), closing.signal);
    }
  }

  /** The failure as a sentence that says what to do. */
  function describe(error: Error): string {
    const message = error.message.replaceAll(/\s+/g, ' ').trim();
    if (!/certificate/i.test(message) || !/untrusted|trust|verification failed/i.test(message)) return message;
    const waiting = listCertificates(settings.DATA_DIR, 'rejected').map(({ thumbprint }) => thumbprint);
    const list = waiting.length === 0 ? '' : ` Waiting to be trusted: ${waiting.join(', ')}.`;
    return `The certificate of the server is not trusted (${message}).${list} To trust it: npm run opcua:trust -- <thumbprint>.`;
  }

  /** What is refused here and, when any server may have it, reported by no other one either. */
  function refusals() {
    const refused = [...(server?.refused ?? [])].filter(([address]) => !claims.has(address));
    const examples = refused.slice(0, 20).map(([address, reason]) => ({ address, reason }));
    return { refused_items: refused.length, refused_examples: examples };
  }

  const running = run();
  return {
    state: () => ({
      ...source,
      connected: isConnected,
      last_message_at_ms: lastHeard.get(url) ?? null,
      status: {
        application_uri: applicationUri,
        security: access.security === 'None' ? 'None' : `${access.security}, ${access.securityMode}`,
        connections,
        subscriptions: server?.subscriptions.size ?? 0,
        items: server === undefined ? 0 : countItems(server),
        ...refusals(),
        bridged_seconds: server?.bridging.least_seconds ?? null,
        short_queues: server?.bridging.short_items ?? 0,
        ...counts,
        lost_in_outages: counts.unfilled_outages === 0 ? 0 : 'unknown',
        last_error: lastError,
      },
    }),
    adapt() {
      server?.adapt().catch((error: unknown) => {
        log.warn({ error: (error as Error).message, source: url }, 'the plant could not be taken over');
      });
    },
    async close() {
      closing.abort();
      await running;
      lastHeard.save();
      staleMarks.save();
    },
  };
}

function countItems({ subscriptions }: ServerSession): number {
  let count = 0;
  for (const { items } of subscriptions.values()) count += items.size;
  return count;
}

/** node-opcua prints its warnings, in colours, to the console; here they are debug lines like everyone else's. */
export function routeLibraryLog(log: Log): void {
  const write = (...words: unknown[]): void => log.debug(stripVTControlCharacters(words.map(String).join(' ')));
  setWarningLogger(write);
  setErrorLogger(write);
}
