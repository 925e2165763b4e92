import type { Database } from '../../core/database.ts';
import { checkPlant } from '../../core/plant/check-plant.ts';
import { findPlantProblems } from '../../core/plant/plant-rules.ts';
import { exportPlant } from '../../core/plant/export-plant.ts';
import { importPlant } from '../../core/plant/import-plant.ts';
import { plantSchema, type PlantInput } from '../../core/plant/plant-document.ts';
import { PlantFileError } from '../../core/plant/plant-file-error.ts';
import { SettingsError } from '../../core/settings.ts';

export interface Registration {
  /** `enterprise/site/line/machine` */
  prefix: string;
  signals: readonly string[];
  /** Zone of the site, when it is made new. */
  zone: string;
  intervalSeconds: number;
}

/**
 * Makes the machine and the signals of a replay known, with the MQTT topics that it will use, so that its readings are
 * stored and not parked. What the plant has already stays as it is. Answers how many signals are new.
 */
export async function registerReplay(
  database: Database,
  { prefix, signals, zone, intervalSeconds }: Registration,
): Promise<number> {
  const [enterprise = '', siteName = '', lineName = '', machineName = ''] = prefix.split('/');
  const plant: PlantInput = await exportPlant(database, enterprise).catch((error: unknown) => {
    if (!String(error).includes('There is no plant')) throw error;
    return { enterprise, sites: [] };
  });
  const known = new Set(findPlantProblems(plant).map((problem) => JSON.stringify(problem)));
  const addresses = new Set(listMqttAddresses(plant));
  const site = findOrAdd<SiteInput>(plant.sites, { name: siteName, time_zone: zone });
  const line = findOrAdd<LineInput>((site.lines ??= []), { name: lineName });
  const machine = findOrAdd<MachineInput>((line.machines ??= []), { name: machineName, class: 'recorded' });
  machine.signals ??= [];
  let added = 0;
  for (const name of signals) {
    // An address that was mapped to a signal of another name is known as well.
    if (machine.signals.some((signal) => signal.name === name) || addresses.has(`${prefix}/${name}`)) continue;
    added++;
    machine.signals.push({
      name,
      expected_interval_seconds: intervalSeconds,
      sources: [{ protocol: 'mqtt', address: `${prefix}/${name}` }],
    });
  }
  const checked = checkPlant(plant);
  // What was wrong in the plant before is not this recording's: it must not keep it from being registered.
  const problems = (checked.problems ?? []).filter((problem) => !known.has(JSON.stringify(problem)));
  if (problems.length > 0) {
    throw new PlantFileError(
      problems.map(({ path, accepted }) => ({ row: 1, column: path.join('.'), value: prefix, accepted })),
    );
  }
  await importPlant(database, checked.plant ?? plantSchema.parse(plant));
  return added;
}

/** Checks `enterprise/site/line/machine`; throws a SettingsError with what is accepted. */
export function checkPrefix(prefix: string | undefined): string {
  if (prefix !== undefined && /^[^/+#\s]+(\/[^/+#\s]+){3}$/.test(prefix)) return prefix;
  throw new SettingsError(
    `--topic-prefix is "${prefix ?? ''}"; accepted is enterprise/site/line/machine without spaces, "+" or "#".`,
  );
}

type SiteInput = PlantInput['sites'][number];
type LineInput = NonNullable<SiteInput['lines']>[number];
type MachineInput = NonNullable<LineInput['machines']>[number];

function listMqttAddresses({ sites }: PlantInput): string[] {
  const machines = sites.flatMap((site) => (site.lines ?? []).flatMap((line) => line.machines ?? []));
  const sources = machines.flatMap(({ signals = [] }) => signals.flatMap((signal) => signal.sources ?? []));
  return sources.filter(({ protocol }) => protocol === 'mqtt').map(({ address }) => address);
}

function findOrAdd<Item extends { name: string }>(items: Item[], item: Item): Item {
  const found = items.find((each) => each.name === item.name);
  if (found === undefined) items.push(item);
  return found ?? item;
}
