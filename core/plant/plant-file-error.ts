/** One wrong place in a plant file. */
export interface FileProblem {
  /** Line of the file, counted from 1 with the header. */
  row: number;
  /** Column of a CSV file, or the path in a YAML document. */
  column: string;
  value: unknown;
  /** What would be accepted there. */
  accepted: string;
}

/** A plant file that cannot be used: every problem at once, in the order of the file. Nothing of it has been imported. */
export class PlantFileError extends Error {
  override readonly name = 'PlantFileError';
  readonly problems: FileProblem[];

  constructor(problems: FileProblem[]) {
    const sorted = problems.toSorted((one, two) => one.row - two.row);
    super(sorted.map(describe).join('\n'));
    this.problems = sorted;
  }
}

function describe({ row, column, value, accepted }: FileProblem): string {
  const shown =
    value === undefined || value === '' ? 'nothing is there' : `${JSON.stringify(value)?.slice(0, 200)} is there`;
  return `Row ${row}, ${column}: ${shown}; accepted is ${accepted}.`;
}
