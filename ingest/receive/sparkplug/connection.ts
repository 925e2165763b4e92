import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { type Clock, monotonic, pause } from '../../../core/clock.ts';
import type { Log } from '../../../core/log.ts';
import { retryDelay } from '../../../core/retry.ts';
import { encodeState, everything, parseState, stateTopic } from '../../../core/sparkplug/topic.ts';

export interface ConnectionOptions {
  url: string;
  clientId: string;
  hostId: string;
  version: 4 | 5;
  clock: Clock;
  log: Log;
  onMessage: (topic: string, payload: Buffer, retained: boolean) => void;
  /** After our STATE was published, whatever it says. */
  onConnected: () => void;
  onDisconnected: () => void;
}

export interface Connection {
  readonly isConnected: boolean;
  /** The last failure in words; empty when there was none since the last connection. */
  readonly lastError: string;
  /**
   * Whether this host can take what it is sent; true at first. While it cannot, its STATE says offline, with the same
   * timestamp as the birth, so that edge nodes which store and forward keep what they measure.
   */
  setTaking(taking: boolean): void;
  /** QoS 0, not retained, as the specification wants commands; dropped when there is no connection. */
  publish(topic: string, payload: Buffer): void;
  /** Publishes our death and disconnects. */
  close(): Promise<void>;
}

const stateOptions = { qos: 1, retain: true } as const;
/** Long enough for a round trip on a bad line, short enough for an orderly end within Docker's 10 s. */
const goodbyeMs = 2000;
/**
 * A line that swallows everything gives no error for a quarter of an hour. The library asks every 10 s and gives up 5 s
 * later, so that all metrics are stale within 15 s; the broker misses our question after 15 s and publishes our death, by
 * which edge nodes begin to store what they would have sent. With 30 s it was 45 s.
 */
const keepAliveSeconds = 10;

/**
 * The host application's own connection, by the specification's order: CONNECT with clean session and our death as
 * will, SUBSCRIBE to our STATE and to everything, and only then our birth as the first message, with the same
 * timestamp as the will. Every connection is a new client with a new will, because a will is fixed at CONNECT.
 * Connects again until it is closed, first after 0.1 s, later after up to 15 s.
 */
export function openConnection(options: ConnectionOptions): Connection {
  const { clock, log, hostId } = options;
  const closing = new AbortController();
  const topic = stateTopic(hostId);
  let client: MqttClient | undefined;
  let isConnected = false;
  let isTaking = true;
  let sayState: () => void = () => undefined;
  let lastError = '';

  /** One connection from CONNECT to its end. */
  async function connectOnce(): Promise<void> {
    const timestamp = clock();
    const current = connect(options.url, {
      protocolVersion: options.version,
      clientId: options.clientId,
      clean: true,
      ...(options.version === 5 ? { properties: { sessionExpiryInterval: 0 } } : {}),
      will: { topic, payload: Buffer.from(encodeState(false, timestamp)), ...stateOptions },
      keepalive: keepAliveSeconds,
      connectTimeout: 10_000,
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
      // As in receive/mqtt/connect.ts: debug lines that nobody reads cost time for each packet.
      log: () => undefined,
    } satisfies IClientOptions);
    client = current;
    const ended = new Promise<void>((resolve) => current.once('close', resolve));
    const onError = (error: Error): void => {
      lastError = error.message === '' ? error.name : error.message;
      log.warn({ error }, 'the Sparkplug connection failed');
    };
    current.on('error', onError);
    sayState = () => {
      current.publish(topic, encodeState(isTaking, timestamp), stateOptions, (error) => {
        if (error) onError(error);
      });
    };
    current.on('message', (from, payload, packet) => {
      if (from !== topic) options.onMessage(from, payload, packet.retain);
      // A broker may tell the death of our last connection after the birth of this one; nobody must believe it.
      else if (isConnected && isTaking && parseState(payload.toString())?.online === false) sayState();
    });
    current.once('connect', () => {
      current.subscribe([topic, everything], { qos: 1 }, (error, granted) => {
        const refused = granted?.find(({ qos }) => qos >= 128);
        if (error || refused !== undefined) {
          onError(error ?? new Error(`The broker refuses the subscription to ${refused?.topic}.`));
          current.end(true);
          return;
        }
        isConnected = true;
        lastError = '';
        sayState();
        log.info(
          { host_id: hostId, state: isTaking ? 'online' : 'offline' },
          'the Sparkplug host application is connected',
        );
        options.onConnected();
      });
    });
    await ended;
    if (isConnected) options.onDisconnected();
    isConnected = false;
    current.end(true);
  }

  async function run(): Promise<void> {
    for (let attempt = 1; !closing.signal.aborted; attempt++) {
      const startedAt = monotonic();
      await connectOnce();
      if (monotonic() - startedAt > 30_000) attempt = 1;
      await pause(retryDelay({ minMs: 100, maxMs: 15_000 }, attempt), closing.signal);
    }
  }
  const running = run();

  return {
    get isConnected() {
      return isConnected;
    },
    get lastError() {
      return lastError;
    },
    setTaking(taking) {
      if (taking === isTaking) return;
      isTaking = taking;
      if (isConnected) sayState();
    },
    publish(to, payload) {
      if (isConnected) client?.publish(to, payload, { qos: 0, retain: false });
    },
    async close() {
      closing.abort();
      const last = client;
      if (last !== undefined && isConnected) {
        isConnected = false;
        // DISCONNECT makes the broker forget the will, so the death is published before it, with its own time.
        const goodbye = last.publishAsync(topic, encodeState(false, clock()), stateOptions).then(() => last.endAsync());
        const limit = new AbortController();
        await Promise.race([goodbye, pause(goodbyeMs, limit.signal)]).catch((error: unknown) =>
          log.warn({ error }, 'the death of the host could not be published'),
        );
        limit.abort();
      }
      last?.end(true);
      await running;
    },
  };
}
