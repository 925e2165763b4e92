import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** How to start a program that refuses to run as root: a command prefix, and the user and group to run as. */
export interface Account {
  prefix: string[];
  identity: { uid: number; gid: number } | undefined;
}

/** An unprivileged account of this machine, in order of preference. `nobody` exists on every Linux. */
const candidates = ['millrace', 'postgres', 'nobody'];

/**
 * PostgreSQL refuses root. As root, its processes run as an unprivileged account instead. When that account cannot
 * enter the folders on the way (a clone under /root or under `mktemp -d`, both mode 0700), util-linux's `setpriv` keeps
 * the one capability that ignores folder permissions; the processes are still not root.
 * Throws a sentence that says what to do when neither works. `paths` are the folders that must be reachable.
 */
export function unprivilegedAccount(paths: string[], accountsFile = '/etc/passwd'): Account {
  if (process.getuid?.() !== 0) return { prefix: [], identity: undefined };
  const identity = findAccount(accountsFile);
  const closed = paths.find((path) => !isReachable(path));
  if (closed === undefined) return { prefix: [], identity };
  if (hasSetpriv()) {
    const ids = [`--reuid=${identity.uid}`, `--regid=${identity.gid}`, '--clear-groups'];
    // initdb asks access(2) about its own files, which drops the capability of a user that is not root unless told not to.
    const capability = ['--inh-caps=+dac_override', '--ambient-caps=+dac_override', '--securebits=+no_setuid_fixup'];
    return { prefix: ['setpriv', ...ids, ...capability, '--'], identity };
  }
  throw new Error(
    `PostgreSQL cannot run as root, and the account it would run as cannot enter ${closed}. ` +
      'Start Millrace as an ordinary user, or move it to a folder that others may enter (chmod o+x), or set DATABASE_URL.',
  );
}

function findAccount(file: string): { uid: number; gid: number } {
  const lines = readFileSync(file, 'utf8').split('\n');
  for (const name of candidates) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':');
    if (fields !== undefined) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  throw new Error(`PostgreSQL cannot run as root, and ${file} has none of the accounts ${candidates.join(', ')}.`);
}

function isReachable(path: string): boolean {
  const othersMayEnter = 0o001;
  for (let folder = path; ; folder = dirname(folder)) {
    if ((statSync(folder).mode & othersMayEnter) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

function hasSetpriv(): boolean {
  return ['/usr/bin/setpriv', '/bin/setpriv'].some((path) => statSync(path, { throwIfNoEntry: false }) !== undefined);
}
