import './small-heap.ts';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isAlive, showAlive } from '../core/alive.ts';
import { createLog } from '../core/log.ts';
import type { Plant } from '../core/plant/plant-document.ts';
import { PlantFileError } from '../core/plant/plant-file-error.ts';
import { readPlantFile } from '../core/plant/plant-file.ts';
import { referencePlant } from '../core/plant/reference-plant.ts';
import { protocols } from '../core/reading.ts';
import { settingsOfRunning } from '../core/running.ts';
import { readSettings, SettingsError, type Settings } from '../core/settings.ts';
import { createShutdown, type Shutdown } from '../core/shutdown.ts';
import { sendCommand } from './control.ts';
import { failureModes } from './machines/failure.ts';
import { runPlant, simulatorFile, type RunOptions } from './run-plant.ts';

const usage = `How to run the simulated plant (docs/simulators.md):

  npm run simulate                               the whole plant, in all three protocols
  npm run simulate -- --only mqtt,sparkplug      some protocols: ${protocols.join(', ')}
  npm run simulate -- --lines 3                  the first three lines
  npm run simulate -- --interval 5               a sample every five seconds of the plant's time
  npm run simulate -- --from 2026-03-01T00:00Z   begin in the past
  npm run simulate -- --plant FILE               another plant than the reference plant

How to break a machine of the plant that runs on the same DATA_DIR:

  npm run simulate -- inject --machine SITE/LINE/MACHINE --fault ${failureModes.join('|')} [--hours 2]

with the same --plant FILE when it is another plant than the reference plant.
`;

function parse() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string' },
      lines: { type: 'string' },
      interval: { type: 'string' },
      from: { type: 'string' },
      plant: { type: 'string' },
      machine: { type: 'string' },
      fault: { type: 'string' },
      hours: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  return { ...values, command: positionals[0] };
}
type Arguments = ReturnType<typeof parse>;

function inject(settings: Settings, plant: Plant, { machine = '', fault = '', hours, plant: given }: Arguments): void {
  const [siteName, lineName, machineName, ...rest] = machine.split('/');
  if (machineName === undefined || rest.length > 0) {
    throw new SettingsError(`--machine is "${machine}"; accepted is SITE/LINE/MACHINE such as berlin/line-01/m-003.`);
  }
  const line = plant.sites.find((site) => site.name === siteName)?.lines.find((each) => each.name === lineName);
  if (line?.machines.some((each) => each.name === machineName) !== true) {
    const known = given === undefined ? 'the reference plant; name another plant by --plant FILE' : given;
    throw new SettingsError(`--machine is "${machine}"; there is no such machine in ${known}.`);
  }
  const mode = failureModes.find((each) => each === fault);
  if (mode === undefined) throw new SettingsError(`--fault is "${fault}"; accepted is ${failureModes.join(', ')}.`);
  const command = { command: 'inject' as const, machine, fault: mode, hours: positive('--hours', hours, 2) };
  sendCommand(simulatorFile(settings, 'control.jsonl'), command);
  process.stdout.write(
    `Asked for: ${mode} on ${machine}, breaking down after ${command.hours} h of the plant's time.\n`,
  );
  process.stdout.write(`What becomes of it: ${simulatorFile(settings, 'truth.jsonl')}\n`);
  if (!isAlive(settings.DATA_DIR, 'simulators')) {
    process.stderr.write(
      `No simulated plant runs on DATA_DIR ${settings.DATA_DIR}, so that nothing will come of it; begin with "npm start" or "npm run simulate", and then ask again.\n`,
    );
    process.exitCode = 2;
  }
}

function readOptions(plant: Plant, { only, lines, interval, from }: Arguments): RunOptions {
  const names = only?.split(',') ?? protocols;
  const unknown = names.find((name) => !(protocols as readonly string[]).includes(name));
  if (unknown !== undefined) throw new SettingsError(`--only names "${unknown}"; accepted is ${protocols.join(', ')}.`);
  const fromMs = from === undefined ? undefined : Date.parse(from);
  if (Number.isNaN(fromMs))
    throw new SettingsError(`--from is "${from}"; accepted is a time such as 2026-03-01T00:00Z.`);
  return {
    plant,
    only: protocols.filter((protocol) => names.includes(protocol)),
    lines: lines === undefined ? undefined : positive('--lines', lines, 1),
    intervalSeconds: positive('--interval', interval, 1),
    fromMs,
  };
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!(value > 0)) throw new SettingsError(`${name} is "${text}"; accepted is a number above 0.`);
  return value;
}

async function main(): Promise<void> {
  const given = parse();
  if (given.help === true || (given.command !== undefined && given.command !== 'inject')) {
    process.stdout.write(usage);
    process.exitCode = given.help === true ? 0 : 1;
    return;
  }
  const settings = settingsOfRunning(readSettings());
  const plant =
    given.plant === undefined
      ? referencePlant(settings.SIMULATE_SEED, settings.ENTERPRISE)
      : readPlantFile(given.plant);
  if (given.command === 'inject') {
    inject(settings, plant, given);
    return;
  }
  const options = readOptions(plant, given);
  const log = createLog('simulators', settings.LOG_LEVEL);
  const shutdown = createShutdown(log, 2000);
  try {
    const detail = await runPlant(settings, options, log, shutdown);
    log.info({ detail, speed: settings.SIMULATE_SPEED }, 'ready');
    showSimulators(settings, shutdown);
    process.send?.({ ready: true, detail });
  } catch (error) {
    await shutdown.close();
    throw error;
  }
}

try {
  await main();
} catch (error) {
  const isPlain = error instanceof SettingsError || error instanceof PlantFileError;
  process.stderr.write(`${isPlain ? (error as Error).message : sentence(error)}\n`);
  process.exit(1);
}

/** For `inject`, which asks whether somebody listens. Removed at the end, so that it does not count for 30 s more. */
function showSimulators({ DATA_DIR }: Settings, shutdown: Shutdown): void {
  const stop = showAlive(DATA_DIR, 'simulators');
  shutdown.add('alive', () => {
    stop();
    rmSync(join(DATA_DIR, 'alive', 'simulators'), { force: true });
  });
}

function sentence(error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  if (code === 'EADDRINUSE') return `${message}: the OPC UA port is taken. Set OPCUA_URLS to another one.`;
  return message;
}
