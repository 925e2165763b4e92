import { expect, test } from 'vitest';
import { busiestThread, readPerfReport } from './system-profile.ts';

test('shares are of the time that was not idle, by program, and by function of the database', () => {
  const text = `# Overhead|Command|Symbol
 50.00%  |swapper  |[k] pv_native_safe_halt
 10.00%  |MainThread|[.] Builtins_InterpreterEntryTrampoline
 30.00%  |postgres |[.] _bt_compare
 10.00%  |postgres |[k] copy_user_generic_string
`;
  const [machine, postgres] = readPerfReport(text);
  expect(machine?.functions).toEqual([
    { name: 'postgres', where: '', percent: 80 },
    { name: 'MainThread', where: '', percent: 20 },
  ]);
  expect(machine?.note).toContain('50 %');
  expect(postgres?.functions[0]).toEqual({ name: '_bt_compare', where: 'program', percent: 75 });
  expect(postgres?.functions[1]).toEqual({ name: 'copy_user_generic_string', where: 'kernel', percent: 25 });
});

test('an empty report gives no profile', () => {
  expect(readPerfReport('# nothing\n')).toEqual([]);
});

test('the busiest thread is told by its share of one core', () => {
  const text = ` 50.00%  |      0:swapper
  2.00%  |     12:perf
 16.71%  |   4976:MainThread
 31.29%  |   5012:mosquitto
`;
  const busiest = busiestThread(text, 2);
  expect(busiest).toEqual({ program: 'mosquitto', thread: 5012, percent: 62.58 });
});
