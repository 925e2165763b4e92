import type { StreamEvents } from '../../api/schemas/stream.ts';

/** What a tab is told, by its own stream or by the leading tab. */
export type LiveMessage =
  | { [Name in keyof StreamEvents]: { name: Name; data: StreamEvents[Name] } }[keyof StreamEvents]
  | { name: 'connection'; data: Connection };

export interface Connection {
  state: 'connecting' | 'live' | 'lost' | 'refused';
  /** Server time at which this state began. */
  since_ms: number;
}

export interface Stream {
  /** Closes and opens again, for another address or a fresh snapshot. */
  reopen(url: string): void;
  close(): void;
}

const eventNames: (keyof StreamEvents)[] = [
  'snapshot',
  'values',
  'states',
  'oee',
  'alarms',
  'work_orders',
  'heartbeat',
];
/** The server beats every 10 s. A longer silence is a half-open connection, as WiFi tablets have them. */
const watchdogMs = 25_000;
const retryFirstMs = 1000;
const retryMostMs = 15_000;

/**
 * One EventSource with a watchdog. EventSource itself never notices a half-open connection and gives up for good on
 * any answer but 200, so each failure here ends in a new EventSource after 1, 2, 4 … 15 s, with jitter so that a
 * hall full of screens does not come back in the same instant. `isRefused` asks whether the session has ended.
 */
export function openStream(
  url: string,
  tell: (message: LiveMessage) => void,
  now: () => number,
  isRefused: () => Promise<boolean>,
): Stream {
  let address = url;
  let source: EventSource | undefined;
  let watchdog: ReturnType<typeof setTimeout> | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  let state: Connection['state'] | undefined;
  let closed = false;
  /** When the server was last heard, by its own clock: what is lost has been old since then, not since it was noticed. */
  let heardAt = now();

  function become(next: Connection['state']): void {
    if (state === next) return;
    state = next;
    tell({ name: 'connection', data: { state: next, since_ms: next === 'lost' ? heardAt : now() } });
  }

  function feedWatchdog(): void {
    clearTimeout(watchdog);
    watchdog = setTimeout(fail, watchdogMs);
  }

  function connect(): void {
    clearTimeout(retry);
    source?.close();
    const opened = new EventSource(address);
    source = opened;
    if (state === undefined) become('connecting');
    feedWatchdog();
    for (const name of eventNames)
      opened.addEventListener(name, (event) => {
        if (source !== opened) return;
        feedWatchdog();
        failures = 0;
        tell({ name, data: JSON.parse((event as MessageEvent<string>).data) } as LiveMessage);
        heardAt = now();
        become('live');
      });
    opened.onerror = () => {
      if (source === opened) fail();
    };
  }

  function fail(): void {
    source?.close();
    source = undefined;
    clearTimeout(watchdog);
    if (closed) return;
    become('lost');
    const wait = Math.min(retryMostMs, retryFirstMs * 2 ** failures++) * (0.75 + Math.random() / 2);
    retry = setTimeout(() => {
      void isRefused().then((refused) => {
        if (closed) return;
        if (refused) become('refused');
        else connect();
      });
    }, wait);
  }

  connect();
  return {
    reopen(next) {
      address = next;
      if (!closed) connect();
    },
    close() {
      closed = true;
      clearTimeout(watchdog);
      clearTimeout(retry);
      source?.close();
      source = undefined;
    },
  };
}
