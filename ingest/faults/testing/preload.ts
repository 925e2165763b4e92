// Runs in a process of ingest before its main file, and puts faults under it as the test says by messages: the real
// process with the real journal on the real disk, but a clock that jumps, or a disk that is slow.
import { open } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';

/** What a test sends to the process. Each holds until it is sent again. */
export interface PreloadedFaults {
  clockOffsetMs?: number;
  syncDelayMs?: number;
}

// What a message would be too late for: the first sync after the start.
const faults: Required<PreloadedFaults> = {
  clockOffsetMs: 0,
  syncDelayMs: Number(process.env['PRELOAD_SYNC_DELAY_MS'] ?? 0),
};
process.on('message', (message) => void Object.assign(faults, message));
// Listening for messages keeps a process alive, which the real one does not do.
process.channel?.unref();

const realNow = Date.now;
Date.now = () => realNow() + faults.clockOffsetMs;

const handle = await open(import.meta.filename);
const prototype = Object.getPrototypeOf(handle) as { datasync(): Promise<void> };
await handle.close();
const realSync = prototype.datasync;
prototype.datasync = async function slowSync(this: unknown): Promise<void> {
  if (faults.syncDelayMs > 0) await wait(faults.syncDelayMs);
  await realSync.call(this as { datasync(): Promise<void> });
  if (faults.syncDelayMs > 0) process.send?.({ slowSync: true });
};
