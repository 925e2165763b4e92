import { appendReading, createColumns, type ReadingColumns } from '../../core/reading-columns.ts';
import type { Database } from '../../core/database.ts';
import { importPlant } from '../../core/plant/import-plant.ts';
import type { Plant as PlantDocument } from '../../core/plant/plant-document.ts';
import { protocols } from '../../core/reading.ts';
import { createMess, readChances } from '../../simulators/mess.ts';
import type { FailureMode } from '../../simulators/machines/failure.ts';
import type { MachineMemory } from '../../simulators/machines/machine.ts';
import { createSimulatedPlant, type SimulatedPlant } from '../../simulators/simulated-plant.ts';
import { writeScores } from '../anomaly/write-scores.ts';
import { diagnoseMachine, machinesToDiagnose } from '../diagnosis/diagnose-machine.ts';
import { type Live, passTime, restoreLive, snapshotLive } from '../feed/live.ts';
import { createOutcome, isUrgent } from '../feed/outcome.ts';
import { processBatch } from '../feed/process-batch.ts';
import { writeOutcome } from '../feed/write-outcome.ts';
import { raiseWorkOrder } from '../maintenance/raise-work-order.ts';
import { faultsToBring } from '../maintenance/sweep-work-orders.ts';
import { loadPlant } from '../plant.ts';

/** A simulated plant whose readings go straight into analytics, as fast as both can. */
export interface SimulatedRun {
  /** Runs for so many hours of the plant's time. */
  run(hours: number): Promise<void>;
  /** Nothing arrives for `minutes`; then what was started again goes on from what it had stored. */
  restart(what: 'simulators' | 'analytics' | 'all', minutes: number): Promise<void>;
  inject(machine: string, mode: FailureMode, hours: number): void;
  /** Failures that began by chance, `machine mode`. */
  readonly breakdowns: string[];
  readonly now_ms: number;
}

const stepMs = 30_000;
const mess = 'late=0.0002,missing=0.0001,duplicate=0.0002,out_of_order=0.0002';

export async function startSimulatedRun(
  database: Database,
  document: PlantDocument,
  startMs: number,
  seed: number,
): Promise<SimulatedRun> {
  const { organization_id: organization } = await importPlant(database, document);
  const signalIds = new Map(
    (
      await database.query<{ path: string; signal_id: number }>(
        `select concat_ws('/', site.name, l.name, m.name, s.name) as path, signal_id
           from signal s join machine m using (machine_id) join line l using (line_id) join site using (site_id)`,
      )
    ).map((row) => [row.path, row.signal_id]),
  );
  const textIds = new Map<string, number>();
  for (const { code } of document.products) {
    const [row] = await database.query<{ text_value_id: number }>(
      'insert into text_value (organization_id, text) values ($1, $2) returning text_value_id',
      [organization, code],
    );
    textIds.set(code, row?.text_value_id ?? 0);
  }
  const breakdowns: string[] = [];
  let timeMs = startMs;
  let runs = 0;
  let live: Live = restoreLive(await loadPlant(database), new Map());
  let plant: SimulatedPlant = simulate({});

  function simulate(memory: Record<string, MachineMemory>): SimulatedPlant {
    runs++;
    return createSimulatedPlant({
      plant: document,
      seed,
      run: runs,
      mess: createMess(readChances(mess), seed + runs),
      protocols,
      memory,
      onBreakdown: (path, what, { failure_mode, injected }) => {
        if (what === 'started' && !injected) breakdowns.push(`${path} ${failure_mode}`);
      },
    });
  }

  async function step(): Promise<void> {
    timeMs += stepMs;
    const columns: ReadingColumns = createColumns(4096);
    plant.advance(timeMs, ({ site, line, name }, samples) => {
      for (const { signal, time_ms, value } of samples) {
        const id = signalIds.get(`${site}/${line}/${name}/${signal.plant.name}`) ?? 0;
        appendReading(columns, time_ms * 1000, id, typeof value === 'string' ? (textIds.get(value) ?? 0) : value, 192);
      }
    });
    passTime(live, timeMs - 5000);
    processBatch(live, columns, columns.length, timeMs);
    if (isUrgent(live.outcome) || timeMs % (4 * stepMs) === 0) await write();
  }

  async function write(): Promise<void> {
    const alarmed = await database.withTransaction(async (connection) => {
      const machines = await writeOutcome(connection, live, timeMs);
      await writeScores(connection, live);
      live.outcome = createOutcome();
      return machines;
    });
    for (const machine of new Set([...alarmed, ...(await machinesToDiagnose(database))])) {
      await diagnoseMachine(database, machine);
    }
    for (const fault of await faultsToBring(database)) await raiseWorkOrder(database, fault);
  }

  return {
    async run(hours) {
      const untilMs = timeMs + hours * 3_600_000;
      while (timeMs < untilMs) await step();
      await write();
    },
    async restart(what, minutes) {
      await write();
      timeMs += minutes * 60_000;
      passTime(live, timeMs - 5000);
      if (what !== 'simulators') {
        await write();
        live = restoreLive(await loadPlant(database), snapshotLive(live));
      }
      // What the simulator stores is JSON.
      if (what !== 'analytics') {
        plant = simulate(JSON.parse(JSON.stringify(plant.remember())) as Record<string, MachineMemory>);
      }
    },
    inject(machine, mode, hours) {
      if (plant.find(machine)?.machine.inject(mode, hours, timeMs) !== true) {
        throw new Error(`The machine ${machine} is not there, or failing already.`);
      }
    },
    breakdowns,
    get now_ms() {
      return timeMs;
    },
  };
}
