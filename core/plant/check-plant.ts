import { plantSchema, type Plant } from './plant-document.ts';
import { findPlantProblems, type PlantProblem } from './plant-rules.ts';

export type CheckedPlant = { plant: Plant; problems?: never } | { plant?: never; problems: PlantProblem[] };

/** Checks a plant as someone wrote it: either all of it is right, or every problem is listed, in the order of the document. */
export function checkPlant(written: unknown): CheckedPlant {
  const parsed = plantSchema.safeParse(written);
  const problems = [...findPlantProblems(written), ...findControlCharacters(written, [])];
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const path = issue.path.filter((step) => typeof step !== 'symbol');
      if (issue.code === 'unrecognized_keys') {
        for (const key of issue.keys)
          problems.push({ path: [...path, key], accepted: 'nothing; this name is not known here' });
      } else {
        problems.push({ path, accepted: issue.message });
      }
    }
  }
  if (parsed.success && problems.length === 0) return { plant: parsed.data };
  return { problems };
}

/** In any text: a database refuses U+0000, and nobody sees the others. */
function findControlCharacters(written: unknown, path: PlantProblem['path']): PlantProblem[] {
  if (typeof written === 'string')
    return /\p{Cc}/u.test(written) ? [{ path, accepted: 'a text without control characters' }] : [];
  if (typeof written !== 'object' || written === null) return [];
  const isList = Array.isArray(written);
  return Object.entries(written).flatMap(([key, value]) =>
    findControlCharacters(value, [...path, isList ? Number(key) : key]),
  );
}

/** What stands at `path` of a written plant, for messages; undefined where nothing does. */
export function valueAt(written: unknown, path: PlantProblem['path']): unknown {
  let value = written;
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}
