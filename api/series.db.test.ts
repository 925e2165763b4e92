import { beforeAll, describe, expect, test } from 'vitest';
import { toTimestamp } from '../core/clock.ts';
import { testEngines } from '../core/testing/database.ts';
import { storeReadings, type TestReading } from '../core/testing/store-readings.ts';
import type { Series } from './schemas/reading.ts';
import { createStage, type Stage } from './testing/stage.ts';

const minuteMs = 60_000;
const dayMs = 86_400_000;

describe.each(testEngines())('readings and series on %s', (engine) => {
  let stage: Stage;
  // Three days, one reading a minute, ending now; the clock stands still so that every number can be known.
  const nowMs = Math.floor(Date.parse('2026-11-20T12:00:30Z'));
  const startMs = Date.parse('2026-11-17T12:00:00Z');
  const count = 3 * 24 * 60;
  /** The value of minute n. */
  const valueOf = (n: number): number => (n % 1000) / 4;

  beforeAll(async () => {
    stage = await createStage(engine, { clock: () => nowMs });
    const { database, plant } = stage;
    await database.query('call ensure_reading_partitions($1::timestamptz, $2::timestamptz)', [
      new Date(startMs - dayMs).toISOString(),
      new Date(nowMs).toISOString(),
    ]);
    await database.execute('update signal set expected_interval_seconds = 60 where signal_id = $1', [plant.pressure]);
    const rows: TestReading[] = [];
    for (let n = 0; n < count; n++)
      rows.push({ signal_id: plant.pressure, time_us: (startMs + n * minuteMs) * 1000, value: valueOf(n) });
    await storeReadings(database, rows);
  });

  async function series(signalId: number, fromMs: number, toMs: number, points: number): Promise<Series> {
    const range = `from=${new Date(fromMs).toISOString()}&to=${new Date(toMs).toISOString()}`;
    const answer = await stage.get(`/api/v1/signals/${signalId}/series?${range}&points=${points}`);
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    return answer.body;
  }

  test('a short range is raw, with the last reading before it', async () => {
    const fromMs = startMs + 100 * minuteMs + 1;
    const found = await series(stage.plant.pressure, fromMs, fromMs + 5 * minuteMs, 100);
    expect(found).toMatchObject({
      resolution: 'raw',
      bucket_seconds: null,
      before: { time: toTimestamp(startMs + 100 * minuteMs), value: 25 },
    });
    expect(found.time_ms).toEqual([101, 102, 103, 104, 105].map((n) => startMs + n * minuteMs));
    expect(found.avg).toEqual([25.25, 25.5, 25.75, 26, 26.25]);
    expect(found.min).toEqual(found.avg);
    expect(found.count).toEqual([1, 1, 1, 1, 1]);
  });

  test('before any rollup exists a long range is made from the readings, and says so', async () => {
    const found = await series(stage.plant.pressure, startMs, nowMs, 100);
    expect(found).toMatchObject({
      resolution: '1h',
      bucket_seconds: 3600,
      raw_tail_from: toTimestamp(startMs),
      before: null,
    });
    expectHours(found);
  });

  test('with rollups it is the same to the last digit, and only the end comes from the readings', async () => {
    const { database } = stage;
    // Refreshed up to 40 minutes ago: the newest hour is half full in the rollup, the newest minutes are missing.
    await database.query('call refresh_rollups($1::timestamptz, $2::timestamptz)', [
      new Date(startMs).toISOString(),
      new Date(nowMs - 40 * minuteMs).toISOString(),
    ]);
    const found = await series(stage.plant.pressure, startMs, nowMs, 100);
    expect(found).toMatchObject({ resolution: '1h', bucket_seconds: 3600 });
    expect(Date.parse(found.raw_tail_from ?? '')).toBeGreaterThan(nowMs - 42 * minuteMs);
    expectHours(found);
  });

  /** 72 hours of 60 minutes with known sums. */
  function expectHours(found: Series): void {
    expect(found.time_ms).toEqual(Array.from({ length: 72 }, (_, hour) => startMs + hour * 60 * minuteMs));
    for (let hour = 0; hour < 72; hour++) {
      const values = Array.from({ length: 60 }, (_, minute) => valueOf(hour * 60 + minute));
      expect(found.avg[hour]).toBe(values.reduce((sum, value) => sum + value, 0) / 60);
      expect([found.min[hour], found.max[hour], found.last[hour]]).toEqual([
        Math.min(...values),
        Math.max(...values),
        values[59],
      ]);
      expect([found.count[hour], found.bad_count[hour]]).toEqual([60, 0]);
    }
  }

  test('buckets start at fixed times whatever the range, and none is cut at the front', async () => {
    const found = await series(stage.plant.pressure, startMs + 90 * minuteMs, startMs + 30 * 60 * minuteMs, 20);
    expect(found).toMatchObject({ bucket_seconds: 3600 });
    expect(found.time_ms[0]).toBe(startMs + 60 * minuteMs);
    expect(found.count[0]).toBe(60);
  });

  test('a year in few points is made of days', async () => {
    const found = await series(stage.plant.pressure, nowMs - 365 * dayMs, nowMs, 200);
    expect(found).toMatchObject({ resolution: '1d', bucket_seconds: 86_400 });
    // Half of the first day, two whole ones, half of the last; each day is 1,440 minutes.
    expect(found.time_ms.map((ms) => new Date(ms).toISOString().slice(0, 10))).toEqual([
      '2026-11-17',
      '2026-11-18',
      '2026-11-19',
      '2026-11-20',
    ]);
    expect(found.count).toEqual([720, 1440, 1440, 720]);
  });

  test('a spike of one reading is still there in the coarsest picture', async () => {
    const { database, plant } = stage;
    await database.execute('update reading set value = 9999 where signal_id = $1 and time = to_timestamp($2)', [
      plant.pressure,
      (startMs + 777 * minuteMs) / 1000,
    ]);
    await database.query('call refresh_rollups($1::timestamptz, $2::timestamptz)', [
      new Date(startMs).toISOString(),
      new Date(startMs + dayMs).toISOString(),
    ]);
    const found = await series(stage.plant.pressure, startMs, nowMs, 10);
    expect(Math.max(...found.max.map((value) => value ?? 0))).toBe(9999);
    expect(found.time_ms.length).toBeLessThanOrEqual(20);
  });

  test('bad readings are gaps with a count; silence is a gap; nothing is drawn to the present', async () => {
    const { database, plant } = stage;
    const at = nowMs - 10 * minuteMs;
    await storeReadings(database, [
      { signal_id: plant.temperature, time_us: at * 1000, value: 70 },
      { signal_id: plant.temperature, time_us: (at + 1000) * 1000, value: 71, quality: 0 },
      { signal_id: plant.temperature, time_us: (at + 2000) * 1000, value: null, quality: 500 },
      { signal_id: plant.temperature, time_us: (at + 3000) * 1000, value: 72, quality: 64 },
    ]);
    const found = await series(plant.temperature, at, nowMs, 100);
    expect(found.resolution).toBe('raw');
    expect(found.last).toEqual([70, null, null, 72, null]);
    expect(found.bad_count).toEqual([0, 1, 1, 0, 0]);
    expect(found.time_ms.at(-1)).toBe(at + 3001);
  });

  test('a signal that speaks rarely is raw over any range', async () => {
    const { database, plant } = stage;
    await storeReadings(database, [
      { signal_id: plant.state, time_us: startMs * 1000, value: 6 },
      { signal_id: plant.state, time_us: (nowMs - 1000) * 1000, value: 9 },
    ]);
    const found = await series(plant.state, startMs, nowMs, 100);
    expect(found).toMatchObject({ resolution: 'raw', last: [6, 9], time_ms: [startMs, nowMs - 1000] });
    const later = await series(plant.state, startMs + dayMs, startMs + 2 * dayMs, 100);
    expect(later).toMatchObject({ time_ms: [], before: { time: toTimestamp(startMs), value: 6 } });
  });

  test('raw readings come in pages, with their quality', async () => {
    const { plant } = stage;
    const from = new Date(nowMs - 10 * minuteMs).toISOString();
    const url = `/api/v1/signals/${plant.temperature}/readings?from=${from}&limit=3`;
    const first = await stage.get(url);
    expect(first.body.items.map((item: { quality: string; value: number }) => [item.quality, item.value])).toEqual([
      ['good', 70],
      ['bad', 71],
      ['stale', null],
    ]);
    expect(first.body.items[0].time).toBe('2026-11-20T11:50:30Z');
    const second = await stage.get(`${url}&cursor=${first.body.next}`);
    expect(second.body).toMatchObject({ items: [{ value: 72, quality: 'uncertain' }], next: null });
  });
});
