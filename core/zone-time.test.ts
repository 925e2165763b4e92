import { describe, expect, test } from 'vitest';
import { zoneTime } from './zone-time.ts';

const toUtc = (zone: string, local: string): string =>
  new Date(zoneTime(zone).toUtc(Date.parse(`${local}Z`))).toISOString().slice(0, 19);

describe.each([
  // What the clocks show, and when. East of UTC, west of it, south of the equator, and a change by half an hour.
  ['Europe/Berlin', '2026-03-29T01:59:59', '2026-03-29T00:59:59', 'the last second of winter'],
  ['Europe/Berlin', '2026-03-29T02:30:00', '2026-03-29T01:30:00', 'skipped: 03:30 in summer'],
  ['Europe/Berlin', '2026-03-29T03:00:00', '2026-03-29T01:00:00', 'the first second of summer'],
  ['Europe/Berlin', '2026-10-25T01:59:59', '2026-10-24T23:59:59', 'before the doubled hour'],
  ['Europe/Berlin', '2026-10-25T02:30:00', '2026-10-25T00:30:00', 'doubled: the first'],
  ['Europe/Berlin', '2026-10-25T03:00:00', '2026-10-25T02:00:00', 'after the doubled hour'],
  ['America/New_York', '2026-03-08T01:59:59', '2026-03-08T06:59:59', 'the last second of winter'],
  ['America/New_York', '2026-03-08T02:30:00', '2026-03-08T07:30:00', 'skipped: 03:30 in summer'],
  ['America/New_York', '2026-03-08T03:00:00', '2026-03-08T07:00:00', 'the first second of summer'],
  ['America/New_York', '2026-11-01T01:30:00', '2026-11-01T05:30:00', 'doubled: the first'],
  ['America/New_York', '2026-11-01T02:00:00', '2026-11-01T07:00:00', 'after the doubled hour'],
  ['Australia/Lord_Howe', '2026-04-05T01:45:00', '2026-04-04T14:45:00', 'doubled: the first'],
  ['Australia/Lord_Howe', '2026-10-04T02:15:00', '2026-10-03T15:45:00', 'skipped: 02:45 in summer'],
  ['Asia/Kolkata', '2026-03-29T02:30:00', '2026-03-28T21:00:00', 'no change at all'],
  ['UTC', '2026-03-29T02:30:00', '2026-03-29T02:30:00', 'no change at all'],
])('%s', (zone, local, utc, why) => {
  test(`${local} is ${utc}Z (${why})`, () => {
    expect(toUtc(zone, local)).toBe(utc);
  });
});

test('a time and its offset do not depend on what was asked before', () => {
  const { offsetAt, toUtc: convert } = zoneTime('Europe/Berlin');
  const at = Date.parse('2026-10-25T00:59:59.999Z');
  expect([offsetAt(at), offsetAt(at + 1), offsetAt(at)]).toEqual([7_200_000, 3_600_000, 7_200_000]);
  const local = Date.parse('2026-07-15T12:00:00.125Z');
  expect([convert(local + 1), convert(local)]).toEqual([local + 1 - 7_200_000, local - 7_200_000]);
});

test('there is no such zone', () => {
  expect(() => zoneTime('Europe/Nowhere')).toThrow(RangeError);
});
