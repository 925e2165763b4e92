import type { Connection } from '../../core/database.ts';
import { detectorName } from '../anomaly/detector.ts';
import { writeAlarms } from '../alarms/write-alarms.ts';
import { writeCounts } from '../oee/write-counts.ts';
import { writeIntervals } from '../states/write-intervals.ts';
import { markLateReadings } from './late-readings.ts';
import type { Live } from './live.ts';
import { knownToUs } from './live.ts';
import type { Outcome } from './outcome.ts';

/**
 * Writes everything that processing changed, inside the caller's checkpoint transaction. Answers the machines whose
 * alarms changed, so that their doorbell can be rung after the commit.
 */
export async function writeOutcome(connection: Connection, live: Live, watermarkMs: number): Promise<number[]> {
  const { outcome } = live;
  await writeIntervals(connection, live.plant, outcome.intervals);
  await writeCounts(connection, live.plant, [...outcome.counts.values()]);
  await writeAnomalies(connection, live, outcome.anomalies);
  const machineIds = await writeAlarms(connection, live.plant, outcome.alarms);
  await markLateReadings(connection, live);
  await writeProgress(connection, live, watermarkMs);
  return machineIds;
}

/** Opens and closes anomaly intervals, in the order in which they happened. */
async function writeAnomalies(connection: Connection, live: Live, anomalies: Outcome['anomalies']): Promise<void> {
  for (const change of anomalies) {
    const signal = live.plant.signals[change.slot];
    if (signal === undefined) continue;
    await connection.prepared(
      'analytics write anomaly',
      `insert into anomaly (organization_id, machine_id, signal_id, started_at, ended_at, peak_score, value, expected_value, detector)
       values ($1, $2, $3, to_timestamp($4::float8 / 1e6), to_timestamp($5::float8 / 1e6), $6, $7, $8, $9)
       on conflict (signal_id, started_at) do update
          set ended_at = excluded.ended_at, peak_score = greatest(anomaly.peak_score, excluded.peak_score)`,
      [
        signal.organization_id,
        live.plant.machines[signal.machine]?.machine_id,
        signal.signal_id,
        change.started_us,
        change.opened ? null : Math.max(change.at_us, change.started_us),
        change.peak_score,
        change.value,
        change.expected_value,
        detectorName,
      ],
    );
  }
}

async function writeProgress(connection: Connection, live: Live, watermarkMs: number): Promise<void> {
  const ids: number[] = [];
  const organizations: number[] = [];
  const heard: number[] = [];
  const known: number[] = [];
  for (const [index, memory] of live.machines.entries()) {
    const knownUs = knownToUs(memory, watermarkMs);
    const machine = live.plant.machines[index];
    if (knownUs === null || machine === undefined) continue;
    ids.push(machine.machine_id);
    organizations.push(machine.organization_id);
    heard.push(memory.states.heard_us ?? knownUs);
    known.push(knownUs);
  }
  await connection.prepared(
    'analytics write progress',
    `insert into machine_progress (machine_id, organization_id, heard_at, known_to)
     select p.machine_id, p.organization_id, to_timestamp(p.heard_us / 1e6), to_timestamp(p.known_us / 1e6)
       from unnest($1::int[], $2::int[], $3::float8[], $4::float8[]) as p(machine_id, organization_id, heard_us, known_us)
     on conflict (machine_id) do update set heard_at = excluded.heard_at, known_to = excluded.known_to
      where (machine_progress.heard_at, machine_progress.known_to) is distinct from (excluded.heard_at, excluded.known_to)`,
    [ids, organizations, heard, known],
  );
}
