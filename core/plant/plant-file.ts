import { readFileSync, writeFileSync } from 'node:fs';
import { extname } from 'node:path';
import { SettingsError } from '../settings.ts';
import { readPlantCsv } from './plant-csv.ts';
import type { Plant } from './plant-document.ts';
import { PlantFileError } from './plant-file-error.ts';
import { readPlantYaml, writePlantJson, writePlantYaml } from './plant-yaml.ts';
import { writePlantCsv } from './write-plant-csv.ts';

/**
 * Reads a plant from a file by its extension (.csv, .yaml, .yml, .json). Throws a PlantFileError with every problem, or
 * a SettingsError when the file cannot be read at all.
 */
export function readPlantFile(path: string): Plant {
  const form = formOf(path);
  const bytes = withFile('read', path, () => readFileSync(path));
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    const accepted = 'a file saved as UTF-8 (in Excel: "CSV UTF-8")';
    throw new PlantFileError([{ row: 1, column: 'file', value: path, accepted }]);
  }
  return form === 'csv' ? readPlantCsv(text) : readPlantYaml(text.replace(/^\uFEFF/, ''));
}

/** Writes a plant to a file in the form that its extension says; the delimiter is for CSV. Throws a SettingsError. */
export function writePlantFile(path: string, plant: Plant, delimiter: ',' | ';' = ','): void {
  const write = { csv: () => writePlantCsv(plant, delimiter), yaml: writePlantYaml, json: writePlantJson }[
    formOf(path)
  ];
  withFile('written', path, () => writeFileSync(path, write(plant)));
}

function withFile<Result>(done: 'read' | 'written', path: string, work: () => Result): Result {
  try {
    return work();
  } catch (cause) {
    throw new SettingsError(`The file "${path}" cannot be ${done}: ${(cause as Error).message}.`, { cause });
  }
}

function formOf(path: string): 'csv' | 'yaml' | 'json' {
  const extension = extname(path).toLowerCase();
  if (extension === '.csv') return 'csv';
  if (extension === '.json') return 'json';
  if (extension === '.yaml' || extension === '.yml') return 'yaml';
  throw new SettingsError(`The file is "${path}"; accepted is a name that ends in .csv, .yaml, .yml or .json.`);
}
