import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { createControl, sendCommand, type Command } from './control.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-control-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('hears what is new in the control file, once, and names what is no command', () => {
  const file = join(folder, 'simulator', 'control.jsonl');
  const command: Command = { command: 'inject', machine: 'berlin/line-01/m-003', fault: 'bearing', hours: 2 };
  sendCommand(file, { ...command, hours: 1 });
  const commands: Command[] = [];
  const wrong: string[] = [];
  const control = createControl(
    file,
    (each) => commands.push(each),
    (sentence) => wrong.push(sentence),
  );
  control();
  expect(commands).toEqual([]);

  sendCommand(file, command);
  const half = JSON.stringify({ ...command, hours: 3 });
  appendFileSync(file, half.slice(0, 20));
  control();
  expect(commands).toEqual([command]);
  appendFileSync(
    file,
    `${half.slice(20)}\nbreak it\n{"command":"inject","machine":"m","fault":"gremlins","hours":1}\n`,
  );
  control();
  control();
  expect(commands.map(({ hours }) => hours)).toEqual([2, 3]);
  expect(wrong).toHaveLength(2);

  // A file that was emptied begins anew.
  writeFileSync(file, '');
  control();
  sendCommand(file, command);
  control();
  expect(commands).toHaveLength(3);
});
