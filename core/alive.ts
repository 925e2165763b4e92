import { mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { now } from './clock.ts';

const everyMs = 5000;
/** A process whose file is older than this has a blocked event loop or is gone. */
const staleAfterMs = 30_000;

/**
 * Touches `dataDir/alive/<room>` every 5 s, so that a container's health check can ask a room without an HTTP server
 * whether its event loop still turns. Answers the function that ends it.
 */
export function showAlive(dataDir: string, room: string): () => void {
  const file = join(dataDir, 'alive', room);
  function touch(): void {
    const seconds = now() / 1000;
    try {
      utimesSync(file, seconds, seconds);
    } catch {
      // Missing at first, and a full disk must not end the room: the health check then tells.
      try {
        mkdirSync(join(dataDir, 'alive'), { recursive: true });
        writeFileSync(file, '');
      } catch {
        return;
      }
    }
  }
  touch();
  const timer = setInterval(touch, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** Whether the room touched its file lately. */
export function isAlive(dataDir: string, room: string): boolean {
  const touched = statSync(join(dataDir, 'alive', room), { throwIfNoEntry: false });
  return touched !== undefined && now() - touched.mtimeMs < staleAfterMs;
}
