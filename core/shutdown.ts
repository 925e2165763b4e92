import type { Log } from './log.ts';

type Closer = { name: string; close: () => Promise<void> | void };

export interface Shutdown {
  /** Registers something to close; the last registered closes first, so that users close before what they use. */
  add(name: string, close: () => Promise<void> | void): void;
  /** Closes everything once; later calls wait for the same end. */
  close(): Promise<void>;
  /** Aborted as soon as closing begins, for loops that wait. */
  readonly signal: AbortSignal;
}

/**
 * Orderly end of a process. The first SIGINT or SIGTERM closes everything in reverse order of opening; a second one, or
 * `limitMs` passing (Docker kills after 10 s, so 9 s), ends the process at once with the signal's own exit code.
 * A lost parent (the supervisor killed with -9) is seen as the end of the IPC channel and handled as SIGTERM, so that
 * no room outlives it.
 */
export function createShutdown(log: Log, limitMs = 9000): Shutdown {
  const closers: Closer[] = [];
  const controller = new AbortController();
  let closing: Promise<void> | undefined;

  async function closeAll(): Promise<void> {
    controller.abort();
    for (const { name, close } of closers.reverse()) {
      try {
        await close();
      } catch (error) {
        log.error({ error, closing: name }, 'closing failed');
      }
    }
  }

  const shutdown: Shutdown = {
    add: (name, close) => closers.push({ name, close }),
    close: () => (closing ??= closeAll()),
    signal: controller.signal,
  };

  function onSignal(signal: 'SIGINT' | 'SIGTERM', exitCode: number): void {
    if (closing !== undefined) {
      log.warn({ signal }, 'second signal, ending at once');
      process.exit(exitCode);
    }
    log.info({ signal }, 'stopping');
    setTimeout(() => {
      log.error({ limit_ms: limitMs }, 'stopping took too long, ending at once');
      process.exit(exitCode);
    }, limitMs).unref();
    void shutdown.close().then(() => process.exit(0));
  }

  process.on('SIGINT', () => onSignal('SIGINT', 130));
  process.on('SIGTERM', () => onSignal('SIGTERM', 143));
  if (process.channel !== undefined) {
    process.on('disconnect', () => onSignal('SIGTERM', 143));
    process.channel.unref();
  }
  return shutdown;
}
