import { mkdir, open, readdir, rename, stat, statfs, unlink } from 'node:fs/promises';

/** One open file of the journal. */
export interface JournalFile {
  /** Writes all of `bytes` at `position`. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Reads up to `bytes.length` bytes from `position`; answers how many there were. */
  read(bytes: Uint8Array, position: number): Promise<number>;
  /** Returns when everything written is on the disk (fdatasync). */
  sync(): Promise<void>;
  truncate(size: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

/** What the journal asks of the file system; a test passes one whose Nth write fails. */
export interface JournalFiles {
  makeDirectory(path: string): Promise<void>;
  list(directory: string): Promise<string[]>;
  /** `create`: made new, or emptied when it is there. `keep`: must be there, opened for reading and cutting. */
  open(path: string, how: 'create' | 'keep'): Promise<JournalFile>;
  /** Makes the directory's own entries durable, so that a new segment survives a power cut. */
  syncDirectory(directory: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Puts the file `from` in the place of `to`, at once or not at all. */
  replace(from: string, to: string): Promise<void>;
  /** When the file was last written, in ms since the epoch. */
  writtenAt(path: string): Promise<number>;
  /** Bytes free for this process on the directory's file system. */
  freeBytes(directory: string): Promise<number>;
}

/** The machine's own file system. */
export const diskFiles: JournalFiles = {
  async makeDirectory(path) {
    await mkdir(path, { recursive: true });
  },
  list: (directory) => readdir(directory),
  async open(path, how) {
    const handle = await open(path, how === 'create' ? 'w+' : 'r+');
    return {
      async write(bytes, position) {
        for (let done = 0; done < bytes.length; ) {
          const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
          done += bytesWritten;
        }
      },
      async read(bytes, position) {
        let done = 0;
        while (done < bytes.length) {
          const { bytesRead } = await handle.read(bytes, done, bytes.length - done, position + done);
          if (bytesRead === 0) break;
          done += bytesRead;
        }
        return done;
      },
      sync: () => handle.datasync(),
      truncate: (size) => handle.truncate(size),
      size: async () => (await handle.stat()).size,
      close: () => handle.close(),
    };
  },
  async syncDirectory(directory) {
    const handle = await open(directory, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  remove: (path) => unlink(path),
  replace: (from, to) => rename(from, to),
  writtenAt: async (path) => (await stat(path)).mtimeMs,
  async freeBytes(directory) {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  },
};
