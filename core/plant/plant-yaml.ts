import { isNode, LineCounter, parseDocument, stringify } from 'yaml';
import { checkPlant, valueAt } from './check-plant.ts';
import type { Plant } from './plant-document.ts';
import { PlantFileError, type FileProblem } from './plant-file-error.ts';

/** A plant from YAML text, or a PlantFileError that lists every problem with its line. */
export function readPlantYaml(text: string): Plant {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  if (document.errors.length > 0) {
    throw new PlantFileError(
      document.errors.map((error) => ({
        row: lines.linePos(error.pos[0]).line,
        column: 'YAML',
        value: undefined,
        accepted: error.message.split('\n', 1)[0] ?? 'valid YAML',
      })),
    );
  }
  const written: unknown = document.toJS();
  const { plant, problems } = checkPlant(written);
  if (plant !== undefined) return plant;
  throw new PlantFileError(
    problems.map(({ path, accepted }): FileProblem => {
      // A missing field has no place of its own; the nearest thing that holds it has.
      let place = path;
      let node = document.getIn(place, true);
      while (!isNode(node) && place.length > 0) {
        place = place.slice(0, -1);
        node = place.length === 0 ? document.contents : document.getIn(place, true);
      }
      const offset = isNode(node) ? node.range?.[0] : undefined;
      return {
        row: offset === undefined ? 1 : lines.linePos(offset).line,
        column: path.join('.'),
        value: valueAt(written, path),
        accepted,
      };
    }),
  );
}

/** A plant as YAML that `readPlantYaml` reads back equal; what equals its default is left out to keep it readable. */
export function writePlantYaml(plant: Plant): string {
  // By the rules of YAML 1.1 the times of shifts are quoted: its readers take a plain 22:00 for the number 1320.
  return stringify(withoutDefaults(plant), { lineWidth: 120, aliasDuplicateObjects: false, version: '1.1' });
}

const allWeek = JSON.stringify([1, 2, 3, 4, 5, 6, 7]);

/** Drops nulls, empty lists and texts, zeros of delays and deadbands, and a shift's weekdays when they are all seven. */
function withoutDefaults(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDefaults);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, field]) => {
      if (field === null || field === '' || (Array.isArray(field) && field.length === 0)) return [];
      if (field === 0 && ['deadband', 'on_delay_seconds', 'off_delay_seconds'].includes(key)) return [];
      if (key === 'weekdays' && JSON.stringify(field) === allWeek) return [];
      if (key === 'constraint' && field === false) return [];
      return [[key, withoutDefaults(field)]];
    }),
  );
}
