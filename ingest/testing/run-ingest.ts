import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { environmentWith } from '../../core/settings.ts';

export interface RunningIngest {
  process: ChildProcess;
  /** Everything it wrote to its standard output and error. */
  output(): string;
  /** Sends a signal and waits for the end; answers the exit code, or the signal's name. */
  stop(signal: NodeJS.Signals): Promise<number | string>;
}

/**
 * Starts ingest as the process that it is in production, and waits until it says that it is ready. `preload` is a module
 * that Node runs before, with which a test puts faults under it.
 */
export async function runIngest(settings: Record<string, string>, preload?: string): Promise<RunningIngest> {
  const child = fork(join(import.meta.dirname, '../main.ts'), [], {
    env: environmentWith({ LOG_LEVEL: 'warn', ...settings }),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    ...(preload !== undefined && { execArgv: ['--import', pathToFileURL(preload).href] }),
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8');
    stream?.on('data', (text: string) => {
      output += text;
    });
  }
  const ended = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  const ready = new Promise<void>((resolve, reject) => {
    child.on('message', (message: { ready?: boolean }) => {
      if (message.ready === true) resolve();
    });
    void ended.then((code) => reject(new Error(`Ingest ended with ${code} before it was ready: ${output}`)));
  });
  await ready;
  return {
    process: child,
    output: () => output,
    async stop(signal) {
      child.kill(signal);
      return ended;
    },
  };
}
