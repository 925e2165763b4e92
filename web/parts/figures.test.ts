import { expect, test } from 'vitest';
import type { LiveOeeRow, LiveShift, OeeFigures } from '../../api/schemas/oee.ts';
import { figuresNote } from './figures.tsx';

const began = Date.parse('2026-03-03T05:00:00Z');
const shift = { started_at: '2026-03-03T05:00:00Z' } as LiveShift;
function row(minutes: number, figures: Partial<OeeFigures>): LiveOeeRow {
  const none = { planned_seconds: 0, planned_stop_seconds: 0, no_data_seconds: 0, coverage: 1, flags: [] };
  const computed_to = new Date(began + minutes * 60_000).toISOString();
  return { id: 1, basis: 'constraint', computed_to, figures: { ...none, ...figures } as unknown as OeeFigures };
}
const note = (live: LiveOeeRow | null, running: LiveShift | null, minutes: number): string | undefined =>
  figuresNote(live, running, began + minutes * 60_000)?.text;

test('a shift without figures has just begun, later it has none, and no shift is not scheduled', () => {
  expect(note(null, shift, 2)).toBe('shift just began');
  expect(note(null, shift, 20)).toBe('no figures yet');
  expect(note(null, null, 20)).toBe('not scheduled');
});

test('full coverage of a minute is not that of a shift', () => {
  expect(note(row(200, { planned_seconds: 80 }), shift, 200)).toBe('only 1 min heard');
  expect(note(row(200, { planned_seconds: 180 * 60 }), shift, 200)).toBeUndefined();
  expect(note(row(1, { planned_seconds: 60 }), shift, 1)).toBeUndefined();
});
