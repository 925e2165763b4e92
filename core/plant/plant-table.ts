/**
 * The form of a plant as a table, one row for each thing, so that an engineer can fill it in a spreadsheet. The column
 * `record` says what a row is; a row uses only the columns listed here for its record, the others stay empty.
 */
export const recordColumns = {
  enterprise: ['enterprise'],
  product: ['product', 'title'],
  site: ['site', 'title', 'time_zone'],
  shift: ['site', 'shift', 'weekdays', 'start', 'end', 'breaks'],
  employee: ['site', 'email', 'title', 'role'],
  line: ['site', 'line', 'title'],
  ideal_cycle: ['site', 'line', 'product', 'ideal_cycle_seconds'],
  machine: [
    'site',
    'line',
    'machine',
    'title',
    'class',
    'criticality',
    'constraint',
    'manufacturer',
    'model',
    'serial_number',
  ],
  signal: [
    'site',
    'line',
    'machine',
    'signal',
    'kind',
    'quantity',
    'unit',
    'expected_interval_seconds',
    'range_low',
    'range_high',
    'limit_low_low',
    'limit_low',
    'limit_high',
    'limit_high_high',
    'deadband',
    'on_delay_seconds',
    'off_delay_seconds',
    'counter_rollover',
    'protocol',
    'server',
    'address',
  ],
  source: ['site', 'line', 'machine', 'signal', 'protocol', 'server', 'address'],
} as const;

export type RecordKind = keyof typeof recordColumns;
export const recordKinds = Object.keys(recordColumns) as RecordKind[];

/** All columns in the order in which an export writes them. */
export const tableColumns: readonly string[] = ['record', ...new Set(Object.values(recordColumns).flat())];

/** Columns that hold numbers; in a file with semicolons they may be written with a decimal comma. */
export const numberColumns: ReadonlySet<string> = new Set([
  'ideal_cycle_seconds',
  'expected_interval_seconds',
  'range_low',
  'range_high',
  'limit_low_low',
  'limit_low',
  'limit_high',
  'limit_high_high',
  'deadband',
  'on_delay_seconds',
  'off_delay_seconds',
  'counter_rollover',
]);

/** The name of a column in the plant document, where it differs: `site` of a site row is its `name`. */
export const fieldNames: { readonly [Kind in RecordKind]: Readonly<Record<string, string>> } = {
  enterprise: {},
  product: { product: 'code' },
  site: { site: 'name' },
  shift: { shift: 'name' },
  employee: { title: 'name' },
  line: { line: 'name' },
  ideal_cycle: { ideal_cycle_seconds: 'seconds' },
  machine: { machine: 'name' },
  signal: { signal: 'name' },
  source: {},
};

/** The columns that lead a row to its parent in the plant. */
export const parentColumns: { readonly [Kind in RecordKind]: readonly string[] } = {
  enterprise: [],
  product: [],
  site: [],
  shift: ['site'],
  employee: [],
  line: ['site'],
  ideal_cycle: ['site', 'line'],
  machine: ['site', 'line'],
  signal: ['site', 'line', 'machine'],
  source: ['site', 'line', 'machine', 'signal'],
};
