import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A program that prints `ready`, then answers each line on its input by one line, and ends with its input. */
export interface PeerProcess {
  ask(line: string): Promise<string>;
  close(): Promise<void>;
}

/** Starts the program; fails with what it said when it ends before it is ready. */
export async function startPeer(program: string, words: readonly string[]): Promise<PeerProcess> {
  const child: ChildProcess = spawn(program, words, { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  child.stderr?.on('data', (bytes: Buffer) => {
    said = (said + bytes.toString()).slice(-2000);
  });
  const lines: string[] = [];
  const waiting: ((line: string) => void)[] = [];
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    const next = waiting.shift();
    if (next === undefined) lines.push(line);
    else next(line);
  });
  function nextLine(): Promise<string> {
    const line = lines.shift();
    if (line !== undefined) return Promise.resolve(line);
    return new Promise((resolve, reject) => {
      waiting.push(resolve);
      ended.then(() => reject(new Error(`${program} has ended: ${said}`)), reject);
    });
  }
  const first = await nextLine();
  if (first !== 'ready') throw new Error(`${program} said "${first}" where "ready" was expected: ${said}`);
  return {
    ask(line) {
      child.stdin?.write(`${line}\n`);
      return nextLine();
    },
    async close() {
      child.stdin?.end();
      child.kill();
      await ended;
    },
  };
}
