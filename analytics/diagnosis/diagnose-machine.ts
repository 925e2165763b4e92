import type { Connection, Database } from '../../core/database.ts';
import { alarmSeverity } from '../alarms/priority.ts';
import type { AlarmChange } from '../feed/outcome.ts';
import { deservesWork } from './deserves-work.ts';
import { failureModeOfCode, modeOfFaultCode } from './fault-codes.ts';
import { abnormal, freezeEvidence } from './freeze-evidence.ts';
import { readKnownFailures } from './known-failures.ts';
import { type MachineAlarm, missedSql, readAlarms, readSensors, type Sensor } from './read-symptoms.ts';
import { diagnose, explains, isFailureMode } from './signatures.ts';

interface OpenFault {
  fault_id: number;
  failure_mode: string;
  started_ms: number;
  alarm_ids: number[];
  severity: number;
}

/**
 * A diagnosed failure has ended when its alarms have stayed away for this long by the machine's own time: a growing one
 * goes to and fro across its limits, and an electrical one had made 14 faults in five hours.
 */
const quietMs = 30 * 60_000;

/** How sure a controller's own fault code makes. */
const codeConfidence = 0.9;

/** Alarms in these ISA-18.2 states are watched on, but nobody wants work to come of them. */
const setAside = new Set(['shelved', 'suppressed', 'out_of_service']);

/**
 * Looks at one machine: joins its alarms to the open fault that explains them, opens a fault for those that none
 * explains if they are reason enough (`deserves-work.ts`), also when they have returned before anybody looked, names an `unknown` one when it has become clear, and ends faults whose alarms have returned and whose
 * sensors are back to normal. Answers the ids of the faults that changed. Running it again changes nothing more.
 */
export async function diagnoseMachine(database: Database, machineId: number): Promise<number[]> {
  return database.withTransaction(async (connection) => {
    await connection.query("select pg_advisory_xact_lock(hashtext('analytics diagnosis'), $1)", [machineId]);
    const [machine] = await connection.query<{ organization_id: number }>(
      'select organization_id from machine where machine_id = $1',
      [machineId],
    );
    if (machine === undefined) return [];
    const alarms = await readAlarms(connection, machineId);
    const sensors = await readSensors(connection, machineId, alarms);
    let faults = await readOpenFaults(connection, machineId);
    const changed = new Set<number>();

    const isFree = (alarm: MachineAlarm): boolean =>
      !setAside.has(alarm.state) && !faults.some((fault) => fault.alarm_ids.includes(alarm.alarm_id));

    for (const alarm of alarms.filter(isFree)) {
      const known = faults.find(
        (fault) => (alarm.returned_ms ?? Infinity) >= fault.started_ms && belongsTo(alarm, fault, sensors),
      );
      if (known !== undefined) {
        await extendFault(connection, known, alarm);
        changed.add(known.fault_id);
      } else if (alarm.returned_ms !== null) {
        // It was missed, and the sensors of now say nothing of it: a fault of its own, which ends as it begins.
        const fault = await openFault(connection, machine.organization_id, machineId, [alarm], alarms, sensors);
        changed.add(fault.fault_id);
        faults = await readOpenFaults(connection, machineId);
      }
    }
    const free = alarms.filter(isFree);
    if (free.length > 0 && deservesWork(free, diagnose(sensors), sensors)) {
      const fault = await openFault(connection, machine.organization_id, machineId, free, alarms, sensors);
      changed.add(fault.fault_id);
    }
    faults = await readOpenFaults(connection, machineId);
    for (const fault of faults) {
      if (fault.failure_mode === 'unknown' && (await nameFault(connection, fault, faults, alarms, sensors)))
        changed.add(fault.fault_id);
      if (await endFault(connection, fault, alarms, sensors)) changed.add(fault.fault_id);
    }
    return [...changed];
  });
}

/** Machines that a sweep should look at: with an active alarm in no open fault, a missed one, or with an open fault. */
export async function machinesToDiagnose(connection: Connection): Promise<number[]> {
  const rows = await connection.query<{ machine_id: number }>(
    `select machine_id from alarm a
      where returned_at is null and state not in ('shelved', 'suppressed', 'out_of_service') and kind not in ('stale', 'ledger', 'rollup', 'gateway')
        and not exists (select 1 from fault f where f.machine_id = a.machine_id and f.ended_at is null and a.alarm_id = any(f.alarm_ids))
     union select machine_id from alarm a where ${missedSql}
     union select machine_id from fault where ended_at is null`,
  );
  return rows.map((row) => row.machine_id);
}

async function readOpenFaults(connection: Connection, machineId: number): Promise<OpenFault[]> {
  return connection.query<OpenFault>(
    `select fault_id, failure_mode, (extract(epoch from started_at) * 1000)::float8 as started_ms, array(select x::float8 from unnest(alarm_ids) x) as alarm_ids, severity
       from fault where machine_id = $1 and ended_at is null order by started_at, fault_id`,
    [machineId],
  );
}

/**
 * A fused anomaly, and the controller's own fault code, are consequences of a failure that has been diagnosed already; a
 * limit alarm is one when the failure's signature has it. Repeated codes of one kind belong together.
 */
function belongsTo(alarm: MachineAlarm, fault: OpenFault, sensors: readonly Sensor[]): boolean {
  if (alarm.kind === 'fault_code')
    return (
      isFailureMode(fault.failure_mode) ||
      fault.failure_mode === `plc_${alarm.value}` ||
      (fault.failure_mode === 'unknown' && failureModeOfCode(alarm.value) !== undefined)
    );
  if (alarm.kind === 'anomaly') return isFailureMode(fault.failure_mode) || fault.failure_mode === 'unknown';
  const deviation = sensors.find((sensor) => sensor.signal_id === alarm.signal_id)?.deviation ?? 0;
  return explains(fault.failure_mode, alarm.quantity ?? '', deviation);
}

async function extendFault(connection: Connection, fault: OpenFault, alarm: MachineAlarm): Promise<void> {
  fault.alarm_ids.push(alarm.alarm_id);
  await connection.query(
    'update fault set alarm_ids = alarm_ids || $2::int8, severity = least(severity, $3) where fault_id = $1',
    [fault.fault_id, alarm.alarm_id, severityOf([alarm])],
  );
}

async function openFault(
  connection: Connection,
  organizationId: number,
  machineId: number,
  free: readonly MachineAlarm[],
  alarms: readonly MachineAlarm[],
  sensors: readonly Sensor[],
): Promise<{ fault_id: number }> {
  const diagnosis = diagnose(sensors);
  const code = free.find((alarm) => alarm.kind === 'fault_code');
  // A controller knows its own fault best, unless the sensors say clearly what leads to it now.
  const isOver = free.every((alarm) => alarm.returned_ms !== null);
  const byCode = isOver || diagnosis.failure_mode === 'unknown' ? code : undefined;
  const mode =
    byCode === undefined
      ? diagnosis.failure_mode
      : modeOfFaultCode(byCode.value, await readKnownFailures(connection, machineId, byCode.raised_ms));
  const confidence = byCode === undefined ? diagnosis.confidence : codeConfidence;
  const startedMs = Math.min(...free.map((alarm) => alarm.raised_ms));
  const evidence = await freezeEvidence(connection, mode, diagnosis, alarms, sensors);
  const [fault] = await connection.query<{ fault_id: number }>(
    `insert into fault as f (organization_id, machine_id, failure_mode, started_at, confidence, severity, alarm_ids, evidence)
     values ($1, $2, $3, to_timestamp($4::float8 / 1000), $5, $6, $7::int8[], $8)
     on conflict (machine_id, failure_mode) where ended_at is null do update
        set alarm_ids = array(select distinct unnest(f.alarm_ids || excluded.alarm_ids) order by 1),
            severity = least(f.severity, excluded.severity), confidence = greatest(f.confidence, excluded.confidence)
     returning fault_id`,
    [
      organizationId,
      machineId,
      mode,
      startedMs,
      confidence,
      severityOf(free),
      free.map((alarm) => alarm.alarm_id),
      JSON.stringify(evidence),
    ],
  );
  if (fault === undefined) throw new Error(`The fault ${mode} of machine ${machineId} was neither inserted nor found.`);
  return fault;
}

/** An unknown fault that has become clear, by its sensors or by the controller's fault code, gets its name, unless the machine has an open fault of that name already. */
async function nameFault(
  connection: Connection,
  fault: OpenFault,
  faults: readonly OpenFault[],
  alarms: readonly MachineAlarm[],
  sensors: readonly Sensor[],
): Promise<boolean> {
  const diagnosis = diagnose(sensors);
  const codes = alarms.filter((alarm) => alarm.kind === 'fault_code' && fault.alarm_ids.includes(alarm.alarm_id));
  const byCode = codes.map((alarm) => failureModeOfCode(alarm.value)).find((mode) => mode !== undefined);
  const isUnclear = diagnosis.failure_mode === 'unknown';
  const mode = isUnclear ? byCode : diagnosis.failure_mode;
  if (mode === undefined || faults.some((other) => other.failure_mode === mode)) return false;
  const evidence = await freezeEvidence(connection, mode, diagnosis, alarms, sensors);
  await connection.query('update fault set failure_mode = $2, confidence = $3, evidence = $4 where fault_id = $1', [
    fault.fault_id,
    mode,
    isUnclear ? codeConfidence : diagnosis.confidence,
    JSON.stringify(evidence),
  ]);
  fault.failure_mode = mode;
  return true;
}

async function endFault(
  connection: Connection,
  fault: OpenFault,
  alarms: readonly MachineAlarm[],
  sensors: readonly Sensor[],
): Promise<boolean> {
  const own = alarms.filter((alarm) => fault.alarm_ids.includes(alarm.alarm_id));
  if (own.some((alarm) => alarm.returned_ms === null)) return false;
  const lingering = sensors.some(
    (sensor) =>
      Math.abs(sensor.deviation) >= abnormal &&
      sensor.since_ms !== null &&
      explains(fault.failure_mode, sensor.quantity, sensor.deviation),
  );
  if (lingering) return false;
  const endedMs = Math.max(0, ...own.map((alarm) => alarm.returned_ms ?? 0));
  const scoredMs = Math.max(0, ...sensors.map((sensor) => sensor.scored_ms ?? 0));
  if (isFailureMode(fault.failure_mode) && scoredMs > 0 && scoredMs - endedMs < quietMs) return false;
  const ended = await connection.execute(
    `update fault set ended_at = greatest(to_timestamp($2::float8 / 1000), started_at) where fault_id = $1 and ended_at is null`,
    [fault.fault_id, endedMs],
  );
  return ended > 0;
}

function severityOf(alarms: readonly MachineAlarm[]): number {
  return Math.min(4, ...alarms.map((alarm) => alarmSeverity(alarm.kind as AlarmChange['kind']) ?? 4));
}
