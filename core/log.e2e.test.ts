import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/** Starts a process that logs `lines` lines and then ends, as soon as it is told to. */
function startTalker(lines: number) {
  const script = `import { createLog } from ${JSON.stringify(join(import.meta.dirname, 'log.ts'))};
    const log = createLog('talker', 'info');
    process.on('message', () => {
      for (let line = 0; line < ${lines}; line++) log.info({ line, filler: 'x'.repeat(200) }, 'said');
      process.exit(7);
    });
    process.send('listening');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  return {
    child,
    listening: new Promise((resolve) => child.once('message', resolve)),
    ended: new Promise<number | null>((resolve) => child.once('exit', resolve)),
  };
}

test('a process whose reader is gone still ends', async () => {
  const { child, listening, ended } = startTalker(2000);
  await listening;
  child.stdout?.destroy();
  child.send('talk');
  expect(await ended).toBe(7);
}, 20_000);

test('every line of a burst reaches a reader that is slow', async () => {
  const { child, listening, ended } = startTalker(5000);
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    child.stdout?.pause();
    setTimeout(() => child.stdout?.resume(), 1);
  });
  await listening;
  child.send('talk');
  expect(await ended).toBe(7);
  await new Promise((resolve) =>
    child.stdout?.readableEnded === true ? resolve(null) : child.stdout?.once('end', resolve),
  );
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { line: number });
  expect(lines.map(({ line }) => line)).toEqual(Array.from({ length: 5000 }, (_, index) => index));
}, 20_000);
