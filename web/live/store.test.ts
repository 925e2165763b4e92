import { expect, test } from 'vitest';
import type { LiveOee, LiveOeeRow, LiveShift } from '../../api/schemas/oee.ts';
import type { LiveMessage } from './stream.ts';
import { hear, oeeOf, resumed, shiftOf } from './store.ts';

const shift = (id: number): LiveShift => ({ site_id: 1, shift_instance_id: id }) as LiveShift;
const row = (id: number): LiveOeeRow => ({ id }) as LiveOeeRow;
const event = (running: LiveShift[], rows: LiveOeeRow[]): LiveOee => ({
  server_time: 'x',
  shifts: running,
  sites: rows,
  lines: rows,
  machines: rows,
});

test('a connection that is lost before its first word has something to resume from', () => {
  const snapshot = { name: 'snapshot', data: { server_time_ms: 0, known_age_ms: null } } as LiveMessage;
  hear({ name: 'connection', data: { state: 'lost', since_ms: 0 } });
  hear(snapshot);
  expect(resumed.value).toBe(1);
  hear(snapshot);
  expect(resumed.value).toBe(2);
});

test('at the change of shift the figures of the last one go, until there are some of the new one', () => {
  hear({ name: 'oee', data: event([shift(7)], [row(1)]) });
  expect(oeeOf('line', 1).value).toEqual(row(1));
  hear({ name: 'oee', data: event([shift(8)], []) });
  expect(shiftOf(1)).toEqual(shift(8));
  for (const level of ['site', 'line', 'machine'] as const) expect(oeeOf(level, 1).value).toBeNull();
});
