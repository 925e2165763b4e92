import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { isSupervisor } from '../running.ts';

/** Checks before anything is started, each ending in one sentence that says what to do. */

/** Throws when something else listens on the address. */
export async function requireFreePort(host: string, port: number, setting: string): Promise<void> {
  if (port === 0) return;
  await new Promise<void>((resolve, reject) => {
    const server = createServer();
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const reason =
        cause.code === 'EADDRINUSE'
          ? `${setting} ${port} is taken by another program (perhaps another Millrace); stop it or set ${setting} to a free port.`
          : `${setting} ${port} on ${host} cannot be used (${cause.code}); set HTTP_HOST and ${setting} to an address of this machine.`;
      reject(new Error(reason, { cause }));
    });
    server.listen(port, host, () => server.close(() => resolve()));
  });
}

/** Throws when nothing answers at the URL's host and port. */
export async function requireReachable(
  setting: string,
  text: string,
  defaultPort: number,
  limitMs = 5000,
): Promise<void> {
  const url = new URL(text);
  const port = url.port === '' ? defaultPort : Number(url.port);
  const host = url.hostname === '' ? '127.0.0.1' : url.hostname.replace(/^\[|\]$/g, '');
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host, port, timeout: limitMs });
    const fail = (reason: string): void => {
      socket.destroy();
      reject(
        new Error(
          `${setting}: nothing answers at ${host}:${port} (${reason}); start that server or correct ${setting}.`,
        ),
      );
    };
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('timeout', () => fail(`no answer within ${limitMs / 1000} s`));
    socket.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
  });
}

/** Claims the data folder for this process, so that two supervisors never share one journal. Answers the release. */
export function claimDataDir(dataDir: string): () => void {
  makeFolder(resolve(dataDir), dataDir);
  const file = join(dataDir, 'supervisor.pid');
  if (existsSync(file)) {
    const pid = Number(readFileSync(file, 'utf8'));
    if (pid !== process.pid && isSupervisor(pid)) {
      throw new Error(
        `DATA_DIR ${dataDir} is in use by a running Millrace (process ${pid}); stop it or set DATA_DIR to another folder.`,
      );
    }
  }
  try {
    writeFileSync(file, `${process.pid}`);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new Error(
      `DATA_DIR ${dataDir} cannot be written (${code}); set DATA_DIR to a folder that this user may write.`,
      { cause },
    );
  }
  return () => rmSync(file, { force: true });
}

/**
 * Makes a folder with all above it, one after the other: mkdir's own `recursive` never returns where a folder may not be
 * made and the system says that it is not there, as below /proc.
 */
function makeFolder(folder: string, dataDir: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder), dataDir);
  try {
    mkdirSync(folder);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    throw new Error(
      `DATA_DIR ${dataDir} cannot be made (${folder}: ${code}); set DATA_DIR to a folder that this user may write.`,
      { cause },
    );
  }
}

/** The administrator's password: the given one, or one made at the first start and kept in the data folder. */
export function adminPassword(given: string | undefined, dataDir: string): string {
  if (given !== undefined) return given;
  const file = join(dataDir, 'admin-password');
  if (!existsSync(file)) writeFileSync(file, `${randomBytes(9).toString('base64url')}\n`, { mode: 0o600 });
  return readFileSync(file, 'utf8').trim();
}
