import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { benches, type BenchName } from './benches.ts';
import { root } from './bench-process.ts';
import { showNumber } from './context.ts';
import type { Profile } from './profile.ts';
import type { BenchResult, Curve, Measure } from './result.ts';

/** Writes docs/benchmarks.md and docs/benchmarks.json from the results that there are, newest of each bench and engine. */
export function writeReport(results: readonly BenchResult[], folder = join(root, 'docs')): void {
  if (results.length === 0) throw new Error('There are no results yet; run npm run bench -- NAME first.');
  writeFileSync(join(folder, 'benchmarks.json'), `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(join(folder, 'benchmarks.md'), composeReport(results, readRemarks));
  process.stdout.write(`${folder}/benchmarks.md and benchmarks.json are written.\n`);
}

/** What a person has to say about a bench: why a goal is not reached, what a profile shows, what would change it. */
function readRemarks(name: string): string {
  const file = join(root, 'simulators/bench/remarks', `${name}.md`);
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
}

/** The page as text; `remarks` gives what stands under a bench besides its figures. */
export function composeReport(results: readonly BenchResult[], remarks: (name: string) => string): string {
  const names = (Object.keys(benches) as BenchName[]).filter((name) => results.some((result) => result.name === name));
  const missing = (Object.keys(benches) as BenchName[]).filter((name) => !names.includes(name));
  return [
    '# Benchmarks',
    '',
    'Every figure was measured by `npm run bench` ([how](../simulators/bench/README.md)), on one machine that runs the publisher, the broker, Millrace and the database. Compare figures of one run with each other, not with those of another machine.',
    '',
    remarks('introduction'),
    describeMachines(results),
    '## Goals',
    '',
    goalTable(results),
    ...names.flatMap((name) =>
      section(
        name,
        results.filter((result) => result.name === name),
        remarks(name),
      ),
    ),
    '## Not measured',
    '',
    missing.length === 0 ? 'Every bench has a result.' : `There is no result yet of: ${missing.join(', ')}.`,
    remarks('not-measured'),
    '',
  ]
    .filter((line, index, lines) => !(line === '' && lines[index - 1] === ''))
    .join('\n');
}

function describeMachines(results: readonly BenchResult[]): string {
  const machines = [
    ...new Set(
      results.map(
        ({ machine }) =>
          `${machine.cpu}, ${machine.cores} cores, ${machine.memory_gib} GiB, Linux ${machine.kernel}, Node ${machine.node}`,
      ),
    ),
  ];
  const versions = new Map<string, Set<string>>();
  for (const result of results)
    for (const [name, version] of Object.entries(result.versions))
      versions.set(name, (versions.get(name) ?? new Set()).add(version));
  const commits = [...new Set(results.map(({ commit }) => commit))];
  return [
    ...machines.map((machine) => `- Machine: ${machine}`),
    ...[...versions].map(([name, all]) => `- ${name}: ${[...all].join('; ')}`),
    `- Commits: ${commits.join(', ')} (+ means: with changes that were not committed). Seed ${results[0]?.seed}.`,
    '',
  ].join('\n');
}

function goalTable(results: readonly BenchResult[]): string {
  const rows = new Map<string, { goal: string; cells: Map<string, string> }>();
  for (const result of results) {
    for (const measure of result.measures) {
      if (measure.goal === undefined) continue;
      const key = `${result.name}: ${measure.what}`;
      const row = rows.get(key) ?? { goal: measure.goal.text, cells: new Map<string, string>() };
      const verdict = result.refused.length > 0 ? 'refused' : measure.goal.met ? 'reached' : '**not reached**';
      row.cells.set(result.engine, `${cell(measure)} – ${verdict}`);
      rows.set(key, row);
    }
  }
  return table(
    ['what', 'goal', 'TimescaleDB', 'embedded'],
    [...rows].map(([what, { goal, cells }]) => [what, goal, cells.get('timescale') ?? '', cells.get('embedded') ?? '']),
  );
}

function section(name: BenchName, results: readonly BenchResult[], remark: string): string[] {
  const timescale = results.find((result) => result.engine === 'timescale');
  const embedded = results.find((result) => result.engine === 'embedded');
  const whats = [...new Set(results.flatMap((result) => result.measures.map((measure) => measure.what)))];
  const find = (result: BenchResult | undefined, what: string): string => {
    const measure = result?.measures.find((candidate) => candidate.what === what);
    return measure === undefined ? '' : `${cell(measure)}${measure.note === undefined ? '' : ` (${measure.note})`}`;
  };
  return [
    `## ${name}`,
    '',
    `${benches[name].what[0]?.toUpperCase()}${benches[name].what.slice(1)}. \`npm run bench -- ${name}\``,
    '',
    ...results.flatMap((result) =>
      result.refused.map((reason) => `> **Refused (${result.engine})**: ${reason}. These figures must not be used.\n`),
    ),
    table(
      ['', 'TimescaleDB', 'embedded'],
      whats.map((what) => [what, find(timescale, what), find(embedded, what)]),
    ),
    ...results.flatMap((result) => result.curves.map((curve) => plot(curve, result.engine))),
    ...results.flatMap((result) => result.profiles.map((profile) => profileTable(profile, result.engine))),
    ...[...new Set(results.flatMap((result) => result.notes))].map((note) => `- ${note}`),
    '',
    remark,
    '',
  ];
}

function profileTable({ process, functions }: Profile, engine: string): string {
  return [
    `Where ${process} spends its CPU time (${engine}, a run of its own with \`--profile\`):`,
    '',
    table(
      ['own time', 'function', 'where'],
      functions.map(({ name, where, percent }) => [`${percent.toFixed(1)} %`, `\`${name}\``, where]),
    ),
  ].join('\n');
}

function cell({ value, unit, low, high }: Measure): string {
  const interval = low !== undefined && high !== undefined ? ` [${showNumber(low)}–${showNumber(high)}]` : '';
  return `${showNumber(value)}${unit === '' ? '' : ` ${unit}`}${interval}`;
}

/** A curve as a chart that GitHub and most readers of Markdown draw, and its numbers and exponent in words. */
function plot(curve: Curve, engine: string): string {
  const values = curve.points.map(({ y }) => Number(y.toPrecision(3)));
  return [
    '```mermaid',
    'xychart-beta',
    `  title "${curve.what} (${engine}), exponent ${curve.exponent.toFixed(2)}"`,
    `  x-axis "${curve.x}" [${curve.points.map(({ x }) => `"${Math.round(x).toLocaleString('en')}"`).join(', ')}]`,
    `  y-axis "${curve.y}" 0 --> ${Number((Math.max(...values) * 1.1).toPrecision(3))}`,
    `  line [${values.join(', ')}]`,
    '```',
    '',
  ].join('\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line), ''].join('\n');
}
