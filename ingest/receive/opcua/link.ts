import { hostname } from 'node:os';
import { stripVTControlCharacters } from 'node:util';
import {
  MessageSecurityMode,
  OPCUAClient,
  SecurityPolicy,
  setErrorLogger,
  setWarningLogger,
  UserTokenType,
  type UserIdentityInfo,
} from 'node-opcua';
import { monotonic, pause } from '../../../core/clock.ts';
import { retryDelay } from '../../../core/retry.ts';
import type { Log } from '../../../core/log.ts';
import type { ReceiverContext, Source, SourceState } from '../receiver.ts';
import { listCertificates, openCertificates } from './certificates.ts';
import type { LastHeard } from './last-heard.ts';
import { openServerSession, type ServerCounts, type ServerSession } from './server-session.ts';
import type { Session } from './session.ts';
import { readServerFacts } from './server-facts.ts';

export interface LinkOptions {
  context: ReceiverContext;
  url: string;
  claims: Map<string, string>;
  lastHeard: LastHeard;
  /** Tests shorten these; see receive-opcua.ts for what is usual. */
  silenceMs: number;
  retryItemsMs: number;
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

export function openLink({ context, url, claims, lastHeard, silenceMs, retryItemsMs }: LinkOptions): Link {
  const { settings, clock, intake, registry } = context;
  const log = context.log.child({ receiver: 'opcua' });
  const source: Source = { protocol: 'opcua', name: url };
  const closing = new AbortController();
  const counts: ServerCounts = {
    notifications: 0,
    values: 0,
    lost_messages: 0,
    republished_messages: 0,
    queue_overflows: 0,
    recreated_subscriptions: 0,
    transferred_subscriptions: 0,
    silent_subscriptions: 0,
    backfilled_values: 0,
    unfilled_outages: 0,
    unfilled_seconds: 0,
  };
  let server: ServerSession | undefined;
  let isConnected = false;
  let applicationUri = '';
  let lastError = '';
  let connections = 0;

  /** One client from its connection to the failure that only a new one can put right. Throws that failure. */
  async function serveOnce(): Promise<void> {
    const certificates = await openCertificates(settings.DATA_DIR);
    const client = createClient();
    let fail: (error: Error) => void = () => undefined;
    const failed = new Promise<never>((_, reject) => {
      fail = reject;
    });
    // Nobody waits for it until the session stands.
    failed.catch(() => undefined);
    closing.signal.addEventListener('abort', () => fail(new Error('closing')), { once: true });

    function createClient(): OPCUAClient {
      const isSecure = settings.OPCUA_SECURITY !== 'None';
      return OPCUAClient.create({
        applicationName: 'Millrace',
        applicationUri: `urn:${hostname()}:millrace:ingest:${settings.GATEWAY_ID}`,
        clientName: `millrace-ingest-${settings.GATEWAY_ID}`,
        clientCertificateManager: certificates,
        securityMode: isSecure ? MessageSecurityMode.SignAndEncrypt : MessageSecurityMode.None,
        securityPolicy: SecurityPolicy[settings.OPCUA_SECURITY],
        // Servers behind address translation name themselves by addresses that we cannot reach.
        endpointMustExist: false,
        requestedSessionTimeout: Math.max(60_000, settings.OPCUA_OUTAGE_SECONDS * 1000),
        keepSessionAlive: true,
        keepAliveInterval: 5000,
        defaultTransactionTimeout: 10_000,
        // One attempt here and our own pause between attempts; node-opcua repairs a lost connection for ever.
        connectionStrategy: { initialDelay: 250, maxDelay: 5000, maxRetry: 1 },
      });
    }

    try {
      await Promise.race([client.connect(url), failed]);
      const session = (await Promise.race([client.createSession(identity()), failed])) as Session;
      const facts = await readServerFacts(session);
      applicationUri = facts.applicationUri;
      const current = openServerSession({
        session,
        source,
        applicationUri,
        intake,
        registry,
        clock,
        log,
        lastHeard,
        counts,
        claims,
        itemsPerCall: facts.itemsPerCall,
        publishingMs: settings.OPCUA_PUBLISHING_MS,
        outageSeconds: settings.OPCUA_OUTAGE_SECONDS,
        silenceMs,
        retryItemsMs,
        onFailure: fail,
      });
      server = current;
      let lostAtMs = Number.POSITIVE_INFINITY;
      client.on('connection_lost', () => {
        isConnected = false;
        lostAtMs = monotonic();
        current.suspend();
        log.warn({ source: url }, 'the connection to an OPC UA server is lost');
      });
      client.on('connection_reestablished', () => {
        current.recover().then(() => {
          isConnected = true;
          lostAtMs = Number.POSITIVE_INFINITY;
          log.info({ source: url }, 'the connection to an OPC UA server is back');
        }, fail);
      });
      await Promise.race([current.start(), failed]);
      isConnected = true;
      connections++;
      lastError = '';
      log.info(
        { source: url, items: countItems(current), application_uri: applicationUri },
        'OPC UA server is connected',
      );
      while (!closing.signal.aborted) {
        await Promise.race([pause(lookEveryMs, closing.signal), failed]);
        if (monotonic() - lostAtMs > longestReconnectMs) throw new Error('the connection did not come back');
        await Promise.race([current.look(), failed]);
        lastHeard.save();
      }
    } finally {
      server?.close();
      server = undefined;
      isConnected = false;
      const limit = new AbortController();
      await Promise.race([client.disconnect(), pause(goodbyeMs, limit.signal)]).catch(() => undefined);
      limit.abort();
      await certificates.dispose();
    }
  }

  function identity(): UserIdentityInfo {
    const { OPCUA_USER: userName, OPCUA_PASSWORD: password } = settings;
    if (userName === undefined) return { type: UserTokenType.Anonymous };
    return { type: UserTokenType.UserName, userName, password: password ?? '' };
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
        connections,
        subscriptions: server?.subscriptions.size ?? 0,
        items: server === undefined ? 0 : countItems(server),
        ...refusals(),
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
