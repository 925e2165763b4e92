import type { Connection } from '../../core/database.ts';

/**
 * A person has seen an alarm (ISA-18.2): unacknowledged becomes acknowledged, returned and unacknowledged becomes normal.
 * Answers false when the alarm is in neither state (or does not exist). The state is checked in the statement itself,
 * because analytics may return the alarm to normal at the same moment.
 */
export async function acknowledgeAlarm(
  connection: Connection,
  alarmId: number,
  employeeId: number,
  note: string,
): Promise<boolean> {
  const rows = await connection.execute(
    `update alarm
        set state = case when returned_at is null then 'acknowledged' else 'normal' end,
            acknowledged_at = now(), acknowledged_by = $2, note = coalesce(nullif($3, ''), note)
      where alarm_id = $1 and state in ('unacknowledged', 'returned_unacknowledged')`,
    [alarmId, employeeId, note],
  );
  return rows === 1;
}

/**
 * Takes an alarm out of sight until a time; it is still evaluated. That is no acknowledgement: when the shelf ends, the
 * alarm asks for one as before. Answers false when it is not one that can be shelved. */
export async function shelveAlarm(
  connection: Connection,
  alarmId: number,
  employeeId: number,
  until: string,
  reason: string,
): Promise<boolean> {
  const rows = await connection.execute(
    `update alarm
        set state = 'shelved', shelved_until = $3, note = $4, shelved_by = $2
      where alarm_id = $1 and state in ('unacknowledged', 'acknowledged', 'returned_unacknowledged', 'shelved')`,
    [alarmId, employeeId, until, reason],
  );
  return rows === 1;
}
