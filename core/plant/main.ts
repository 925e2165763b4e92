import { parseArgs } from 'node:util';
import { describeDatabaseFailure } from '../database-failure.ts';
import { openDatabase, type Database } from '../database.ts';
import { createLog } from '../log.ts';
import { settingsOfRunning } from '../running.ts';
import { readSettings, requireSetting, SettingsError } from '../settings.ts';
import { exportPlant } from './export-plant.ts';
import { importPlant } from './import-plant.ts';
import type { Plant } from './plant-document.ts';
import { PlantFileError } from './plant-file-error.ts';
import { readPlantFile, writePlantFile } from './plant-file.ts';
import { referencePlant } from './reference-plant.ts';

const usage = `How to bring your plant in and out (docs/your-plant.md):

  npm run plant -- import FILE             all of FILE (.csv, .yaml, .json) or, if anything in it is wrong, nothing
  npm run plant -- import FILE --check     only say what is wrong; needs no database
  npm run plant -- import FILE --remove    also remove what the database has and FILE has not
  npm run plant -- export FILE             write the plant to FILE (.csv, .yaml, .json)
  npm run plant -- export FILE --semicolon with semicolons and decimal commas, for such spreadsheets
  npm run plant -- reference               import the reference plant
  npm run plant -- reference --if-empty    import it unless ENTERPRISE has machines already
  npm run plant -- reference FILE          write the reference plant to FILE, as an example
`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      check: { type: 'boolean' },
      remove: { type: 'boolean' },
      semicolon: { type: 'boolean' },
      'if-empty': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const [command, file] = positionals;
  if (values.help === true || command === undefined) {
    process.stdout.write(usage);
    process.exitCode = values.help === true ? 0 : 1;
    return;
  }
  const settings = settingsOfRunning(readSettings());
  const delimiter = values.semicolon === true ? ';' : ',';
  switch (command) {
    case 'import': {
      const plant = readPlantFile(requireFile(file));
      if (plant.enterprise !== settings.ENTERPRISE) process.stderr.write(otherEnterprise(plant, settings.ENTERPRISE));
      if (values.check === true) process.stdout.write(`${file} is right: ${describe(plant)}. Nothing was imported.\n`);
      else await importInto(plant, values.remove === true);
      return;
    }
    case 'export': {
      const path = requireFile(file);
      const problems: string[] = [];
      const plant = await withDatabase((database) =>
        exportPlant(database, settings.ENTERPRISE, (sentence) => problems.push(sentence)),
      );
      writePlantFile(path, plant, delimiter);
      if (problems.length > 0) {
        const warning = `${path} cannot be imported as it is; put right first:\n${problems.join('\n')}\n`;
        process.stderr.write(warning);
      }
      process.stdout.write(`${file}: ${describe(plant)}.\n`);
      return;
    }
    case 'reference': {
      const plant = referencePlant(settings.SIMULATE_SEED, settings.ENTERPRISE);
      if (file === undefined) {
        const present =
          values['if-empty'] === true
            ? await withDatabase((database) => countMachines(database, settings.ENTERPRISE))
            : 0;
        if (present === 0) await importInto(plant, values.remove === true);
        else process.stdout.write(`${present} machines are there already.\n`);
        return;
      }
      writePlantFile(file, plant, delimiter);
      process.stdout.write(`${file}: ${describe(plant)}.\n`);
      return;
    }
    default:
      throw new SettingsError(`There is no command "${command}".\n\n${usage}`);
  }
}

/** Of this enterprise only: one database may hold several, and another one's machines receive nothing that is for this. */
async function countMachines(database: Database, enterprise: string): Promise<number> {
  const [row] = await database.query<{ machines: number }>(
    'select count(*) as machines from machine join organization o using (organization_id) where o.name = $1',
    [enterprise],
  );
  return row?.machines ?? 0;
}

async function importInto(plant: Plant, remove: boolean): Promise<void> {
  const { written, removed } = await withDatabase((database) => importPlant(database, plant, remove));
  process.stdout.write(`${describe(plant)}; new or changed: ${counts(written)}\n`);
  if (remove) process.stdout.write(`Removed: ${counts(removed)}.\n`);
}

async function withDatabase<Result>(work: (database: Database) => Promise<Result>): Promise<Result> {
  const settings = settingsOfRunning(readSettings());
  const log = createLog('plant', settings.LOG_LEVEL);
  const database = openDatabase({ url: requireSetting(settings, 'DATABASE_URL'), name: 'millrace plant', log });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

/** Not an error: one database may hold several enterprises, of which each Millrace receives and shows its own. */
function otherEnterprise({ enterprise }: Plant, ours: string): string {
  return `The file's enterprise is "${enterprise}", but ENTERPRISE is "${ours}" here. Millrace receives and shows only the enterprise that it was started with: start it with ENTERPRISE=${enterprise}.\n`;
}

function requireFile(file: string | undefined): string {
  if (file === undefined) throw new SettingsError(`The name of a file is missing.\n\n${usage}`);
  return file;
}

function describe(plant: Plant): string {
  const lines = plant.sites.flatMap((site) => site.lines);
  const machines = lines.flatMap((line) => line.machines);
  const signals = machines.flatMap((machine) => machine.signals);
  const sensors = signals.filter((signal) => signal.kind === 'measurement');
  return `${plant.sites.length} sites, ${lines.length} lines, ${machines.length} machines, ${signals.length} signals (${sensors.length} sensors)`;
}

function counts(rows: Record<string, number>): string {
  const some = Object.entries(rows).filter(([, count]) => count > 0);
  return some.length === 0 ? 'nothing' : some.map(([table, count]) => `${table} ${count}`).join(', ');
}

try {
  await main();
} catch (error) {
  const isPlain = error instanceof PlantFileError || error instanceof SettingsError;
  process.stderr.write(isPlain ? `${error.message}\n` : `${sentence(error)}\n`);
  if (error instanceof PlantFileError)
    process.stderr.write(
      `\n${error.problems.length} problem${error.problems.length === 1 ? '' : 's'}; nothing was imported.\n`,
    );
  process.exitCode = 1;
}

function sentence(error: unknown): string {
  return describeDatabaseFailure(error) ?? (error as Error).message;
}
