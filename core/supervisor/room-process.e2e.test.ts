import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { pause } from '../clock.ts';
import { waitUntil } from '../testing/wait-until.ts';
import { runToEnd, startRoom, type RoomOptions } from './room-process.ts';

let folder: string;
let root: string;
let said: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-room-'));
  root = join(folder, 'project');
  said = [];
  mkdirSync(root);
  // Ready at once, and over after 50 ms.
  writeFileSync(
    join(root, 'brief.cjs'),
    'process.send({ ready: true, detail: "here" }); setTimeout(process.exit, 50, 3);',
  );
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const room = (): RoomOptions => ({
  name: 'brief',
  main: 'brief.cjs',
  environment: {},
  root,
  logDir: join(folder, 'logs'),
  readyWithinMs: 30_000,
  tell: (line) => void said.push(line),
});
const untilSaid = (text: string) =>
  waitUntil(`it says "${text}"`, () => said.some((line) => line.includes(text)), { limitMs: 60_000 });

test('a room that is stopped while it waits for its next start is stopped at once', async () => {
  const started = await startRoom(room());
  await waitUntil('it waits for long', () => said.some((line) => /started again in [2-9]/.test(line)), {
    limitMs: 60_000,
    everyMs: 5,
  });
  const restarted = said.length;
  const first = await Promise.race([started.stop(5000).then(() => 'stopped'), pause(1500).then(() => 'still waiting')]);
  expect(first).toBe('stopped');
  await pause(100);
  expect(said).toHaveLength(restarted);
});

test('a start that fails leaves the supervisor alive, which tries again', async () => {
  const started = await startRoom(room());
  // A process cannot be started in a folder that is not there.
  renameSync(root, `${root}-away`);
  await untilSaid('brief cannot be started');
  renameSync(`${root}-away`, root);
  const saidBefore = said.splice(0);
  await untilSaid('brief ended (3)');
  await started.stop(5000);
  expect(saidBefore.join('\n')).toMatch(/brief cannot be started \(spawn .* ENOENT\) and is started again in/);
});

test('a program that cannot be started, or a room at its first start, is an error to catch', async () => {
  root = join(folder, 'nowhere');
  await expect(runToEnd(room())).rejects.toThrow(/brief cannot be started \(.*ENOENT/);
  await expect(startRoom(room())).rejects.toThrow(/ENOENT/);
});
