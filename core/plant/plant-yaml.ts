import { isNode, LineCounter, parseDocument, stringify, visit, type Alias, type Document } from 'yaml';
import { checkPlant, valueAt } from './check-plant.ts';
import type { Plant } from './plant-document.ts';
import { PlantFileError, type FileProblem } from './plant-file-error.ts';

/** A plant from YAML text, or a PlantFileError that lists every problem with its line. */
export function readPlantYaml(text: string): Plant {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  if (document.errors.length > 0) {
    throw new PlantFileError(
      document.errors.map((error) => {
        const { line, col } = lines.linePos(error.pos[0]);
        const reason = (error.message.split('\n', 1)[0] ?? '').replace(/ at line \d+, column \d+:?$/, '');
        const value = text.split('\n', line)[line - 1]?.trim();
        return { row: line, column: `YAML, character ${col}`, value, accepted: `well-formed YAML (${reason})` };
      }),
    );
  }
  const written = plainOf(document, lines);
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
        column: path.length === 0 ? 'the whole file' : path.join('.'),
        value: valueAt(written, path),
        accepted,
      };
    }),
  );
}

/** The document as plain values. Aliases are all that cannot become some: of nothing, or of so much that it fills the memory. */
function plainOf(document: Document, lines: LineCounter): unknown {
  try {
    return document.toJS();
  } catch (error) {
    const aliases: Alias[] = [];
    visit(document, { Alias: (_key, alias) => void aliases.push(alias) });
    const alias = aliases.find((each) => each.resolve(document) === undefined) ?? aliases[0];
    if (alias?.range == null) throw error;
    const { line, col } = lines.linePos(alias.range[0]);
    const accepted = 'an alias of something above it, and not aliases of aliases of aliases';
    throw new PlantFileError([{ row: line, column: `YAML, character ${col}`, value: `*${alias.source}`, accepted }]);
  }
}

/** A plant as YAML that `readPlantYaml` reads back equal; what equals its default is left out to keep it readable. */
export function writePlantYaml(plant: Plant): string {
  // By the rules of YAML 1.1 the times of shifts are quoted: its readers take a plain 22:00 for the number 1320.
  return stringify(withoutDefaults(plant), { lineWidth: 120, aliasDuplicateObjects: false, version: '1.1' });
}

/** The same as JSON, which `readPlantYaml` reads too. */
export function writePlantJson(plant: Plant): string {
  return `${JSON.stringify(withoutDefaults(plant), undefined, 2)}\n`;
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
