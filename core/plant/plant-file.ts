import { readFileSync, writeFileSync } from 'node:fs';
import { extname } from 'node:path';
import { readPlantCsv } from './plant-csv.ts';
import type { Plant } from './plant-document.ts';
import { PlantFileError } from './plant-file-error.ts';
import { readPlantYaml, writePlantYaml } from './plant-yaml.ts';
import { writePlantCsv } from './write-plant-csv.ts';

/** Reads a plant from a file by its extension (.csv, .yaml, .yml, .json). Throws a PlantFileError with every problem. */
export function readPlantFile(path: string): Plant {
  const form = formOf(path);
  const bytes = readFileSync(path);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    const accepted = 'a file saved as UTF-8 (in Excel: "CSV UTF-8")';
    throw new PlantFileError([{ row: 1, column: 'file', value: path, accepted }]);
  }
  return form === 'csv' ? readPlantCsv(text) : readPlantYaml(text.replace(/^\uFEFF/, ''));
}

/** Writes a plant to a file in the form that its extension says; the delimiter is for CSV. */
export function writePlantFile(path: string, plant: Plant, delimiter: ',' | ';' = ','): void {
  writeFileSync(path, formOf(path) === 'csv' ? writePlantCsv(plant, delimiter) : writePlantYaml(plant));
}

function formOf(path: string): 'csv' | 'yaml' {
  const extension = extname(path).toLowerCase();
  if (extension === '.csv') return 'csv';
  if (['.yaml', '.yml', '.json'].includes(extension)) return 'yaml';
  throw new PlantFileError([
    { row: 1, column: 'file', value: path, accepted: 'a name that ends in .csv, .yaml, .yml or .json' },
  ]);
}
