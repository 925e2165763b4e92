import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export interface LogFile {
  write(chunk: Uint8Array): void;
  close(): void;
}

/**
 * Appends to `folder/<name>.log`. A file that has reached `maxBytes` becomes `<name>.log.1`, in place of an older one, so
 * that a Millrace that runs for months keeps between one and two files' worth. Writing never throws: a full disk must
 * not stop the supervisor, which would take the plant with it.
 */
export function openLogFile(folder: string, name: string, maxBytes = 20_000_000): LogFile {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.log`);
  let descriptor = openSync(file, 'a');
  let bytes = fstatSync(descriptor).size;
  let closed = false;

  function rotate(): void {
    renameSync(file, `${file}.1`);
    const next = openSync(file, 'a');
    closeSync(descriptor);
    descriptor = next;
    bytes = 0;
  }

  return {
    write(chunk) {
      // The last output of a process may come after its end, when the descriptor's number may be another file's.
      if (closed) return;
      try {
        if (bytes >= maxBytes) rotate();
        bytes += writeSync(descriptor, chunk);
      } catch {
        // What cannot be written is left out; warnings and errors were told to the person at the terminal as well.
      }
    },
    close() {
      closed = true;
      closeSync(descriptor);
    },
  };
}
