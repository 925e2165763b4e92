import type { Connection } from '../../core/database.ts';
import type { Live } from '../feed/live.ts';
import { Role } from '../plant.ts';
import { scoreOf } from './detector.ts';

/**
 * Writes the newest score of every sensor, every few seconds and not at every sample. Rows whose score moved by less
 * than 0.02 within a minute are left alone: on a quiet plant that is nearly all of them.
 */
export async function writeScores(connection: Connection, live: Live): Promise<void> {
  const ids: number[] = [];
  const organizations: number[] = [];
  const times: number[] = [];
  const scores: (number | null)[] = [];
  const values: (number | null)[] = [];
  const expected: (number | null)[] = [];
  const deviations: (number | null)[] = [];
  const { memory } = live.detector;
  for (const [slot, signal] of live.plant.signals.entries()) {
    const timeUs = live.last_good_us[slot] ?? 0;
    if (signal.role !== Role.measurement || timeUs === 0) continue;
    const deviation = memory.deviation[slot] ?? Number.NaN;
    const learning = Number.isNaN(deviation);
    ids.push(signal.signal_id);
    organizations.push(signal.organization_id);
    times.push(timeUs);
    scores.push(learning ? null : scoreOf(deviation));
    values.push(learning ? null : (memory.average[slot] ?? null));
    expected.push(learning ? null : (memory.baseline[slot] ?? null));
    deviations.push(learning ? null : deviation);
  }
  await connection.prepared(
    'analytics write scores',
    `insert into anomaly_score as a (signal_id, organization_id, time, score, value, expected_value, deviation)
     select signal_id, organization_id, to_timestamp(time_us / 1e6), score, value, expected_value, deviation
       from unnest($1::int[], $2::int[], $3::float8[], $4::float8[], $5::float8[], $6::float8[], $7::float8[])
              as s(signal_id, organization_id, time_us, score, value, expected_value, deviation)
     on conflict (signal_id) do update
        set time = excluded.time, score = excluded.score, value = excluded.value,
            expected_value = excluded.expected_value, deviation = excluded.deviation
      where (a.score is null) <> (excluded.score is null) or abs(a.score - excluded.score) >= 0.02
         or a.time < excluded.time - interval '1 minute'`,
    [ids, organizations, times, scores, values, expected, deviations],
  );
}
