import type { Connection } from '../../core/database.ts';
import type { AlarmChange } from '../feed/outcome.ts';
import type { Plant } from '../plant.ts';
import { alarmPriority } from './priority.ts';

const limitText: Partial<Record<AlarmChange['kind'], string>> = {
  limit_low_low: 'at or below its lowest limit',
  limit_low: 'at or below its low limit',
  limit_high: 'at or above its high limit',
  limit_high_high: 'at or above its highest limit',
};

/** Text of an alarm as people read it. The thing, the value, the limit. */
export function alarmMessage(plant: Plant, change: AlarmChange): string {
  const machine = plant.machines[change.machine]?.name ?? 'machine';
  const signal = plant.signals[change.slot];
  const value = change.value === null ? '' : Number(change.value.toPrecision(4)).toString();
  switch (change.kind) {
    case 'fault_code':
      return `${machine} reports fault code ${value}.`;
    case 'anomaly':
      return `Several sensors of ${machine} are far from their usual values (score ${value}).`;
    default: {
      const unit = signal?.unit === undefined || signal.unit === '' ? '' : ` ${signal.unit}`;
      return `${machine} ${signal?.name ?? 'signal'} is ${value}${unit}, ${limitText[change.kind]} of ${change.limit}${unit}.`;
    }
  }
}

/**
 * Raises and returns alarms in the order in which they happened. Raising one that is active already (its memory was
 * lost) only refreshes it; one whose last occurrence is shelved goes to the same shelf. Answers the ids of the machines concerned.
 */
export async function writeAlarms(
  connection: Connection,
  plant: Plant,
  changes: readonly AlarmChange[],
): Promise<number[]> {
  const machineIds = new Set<number>();
  for (const change of changes) {
    const machine = plant.machines[change.machine];
    if (machine === undefined) continue;
    const signalId = plant.signals[change.slot]?.signal_id ?? null;
    machineIds.add(machine.machine_id);
    if (change.raised) {
      await connection.prepared(
        'analytics raise alarm',
        `insert into alarm (organization_id, machine_id, signal_id, kind, priority, state, shelved_until, shelved_by, raised_at, limit_value, value, peak_value, message)
         select $1, $2, $3::int, $4, $5, case when shelf.until is null then 'unacknowledged' else 'shelved' end, shelf.until, shelf.by,
                to_timestamp($6::float8 / 1e6), $7::float8, $8::float8, $8::float8, $9
           from (select) one
           left join lateral (select shelved_until as until, shelved_by as by from alarm
                               where machine_id = $2 and coalesce(signal_id, 0) = coalesce($3::int, 0) and kind = $4
                                 and state = 'shelved' and shelved_until > clock_timestamp()
                               order by shelved_until desc limit 1) shelf on true
         on conflict (machine_id, coalesce(signal_id, 0), kind) where returned_at is null do update
            set value = excluded.value, peak_value = excluded.peak_value, message = excluded.message`,
        [
          machine.organization_id,
          machine.machine_id,
          signalId,
          change.kind,
          alarmPriority(change.kind, machine.criticality),
          change.at_us,
          change.limit,
          change.value,
          alarmMessage(plant, change),
        ],
      );
    } else {
      await connection.prepared(
        'analytics return alarm',
        `update alarm
            set returned_at = greatest(to_timestamp($4::float8 / 1e6), raised_at), peak_value = $5::float8,
                state = case state when 'unacknowledged' then 'returned_unacknowledged'
                                   when 'acknowledged' then 'normal' else state end
          where machine_id = $1 and coalesce(signal_id, 0) = coalesce($2::int, 0) and kind = $3 and returned_at is null`,
        [machine.machine_id, signalId, change.kind, change.at_us, change.value],
      );
    }
  }
  return [...machineIds];
}
