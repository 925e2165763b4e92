import type { ServerResponse } from 'node:http';
import type { Scope } from './scope.ts';

/**
 * One open stream. What is written is never queued beyond one tick: while the socket is full, ticks are skipped and the
 * client is marked as behind; when it has room again it gets a fresh snapshot instead of what it missed.
 */
export interface LiveClient {
  readonly organization_id: number;
  readonly token_hash: string;
  readonly scope: Scope;
  /** Has had its snapshot, which is the first event of every stream. */
  started: boolean;
  /** Missed at least one tick. */
  behind: boolean;
  /** Since when (monotonic ms) the socket has been full; null: it has room. */
  readonly fullSince: () => number | null;
  /** Writes one buffer; the caller asks `fullSince` first. */
  send(buffer: Buffer): void;
  end(): void;
  /** Cuts the connection without waiting for what is still unsent. */
  destroy(): void;
}

/** Wraps the response of a hijacked request whose head has been written. */
export function createClient(
  response: ServerResponse,
  owner: { organization_id: number; token_hash: string },
  scope: Scope,
  monotonic: () => number,
): LiveClient {
  let fullSince: number | null = null;
  response.on('drain', () => {
    fullSince = null;
  });
  return {
    ...owner,
    scope,
    started: false,
    behind: false,
    fullSince: () => fullSince,
    send(buffer) {
      if (!response.write(buffer)) fullSince ??= monotonic();
    },
    end: () => void response.end(),
    destroy: () => void response.destroy(),
  };
}
