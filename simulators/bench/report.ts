import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { benches, type BenchName } from './benches.ts';
import { root } from './bench-process.ts';
import { showNumber } from './context.ts';
import { goals, type Goal } from './goals.ts';
import { plotGrowth } from './growth-plot.ts';
import { describeNotReached } from './not-reached.ts';
import { figure, profileTable, spread, table, usable } from './report-parts.ts';
import type { BenchResult, Curve } from './result.ts';

const engineNames = { timescale: 'TimescaleDB', embedded: 'embedded PostgreSQL' } as const;
type Engine = keyof typeof engineNames;

/** Writes benchmarks.md, benchmarks.json and the plots into `folder`, by default the project's docs. */
export function writeReport(results: readonly BenchResult[], folder = join(root, 'docs')): void {
  if (results.length === 0) throw new Error('There are no results yet; run npm run bench -- NAME first.');
  mkdirSync(join(folder, 'images'), { recursive: true });
  for (const { file, svg } of plots(results)) writeFileSync(join(folder, 'images', file), svg);
  writeFileSync(join(folder, 'benchmarks.json'), `${JSON.stringify(results, null, 1)}\n`);
  writeFileSync(join(folder, 'benchmarks.md'), composeReport(results));
  process.stdout.write(`${join(folder, 'benchmarks.md')} and benchmarks.json are written.\n`);
}

/** The page as text. */
export function composeReport(results: readonly BenchResult[]): string {
  const names = (Object.keys(benches) as BenchName[]).filter((name) => results.some((result) => result.name === name));
  const trial = results.some((result) => result.refused.some((reason) => reason.includes('--busy')));
  return [
    '# Benchmarks',
    '',
    ...(trial ? ['> **NOT CLEAN**: measured with `--busy`, for a trial. Nothing here may be quoted.', ''] : []),
    'Written by `npm run bench -- all` ([how it measures](../simulators/bench/README.md)); all figures with their single repeats are in [benchmarks.json](benchmarks.json).',
    '',
    '## How to read this',
    '',
    ...howToRead,
    '## What was measured on',
    '',
    ...describeMachines(results),
    '## Calibrators',
    '',
    calibratorTable(results),
    '## Goals',
    '',
    'For two cores, with publisher, broker, Millrace and database on one machine. The goals are set for the TimescaleDB engine; the embedded one stands beside it.',
    '',
    goalTable(results),
    '## Not reached: profile, reason, what would change it',
    '',
    ...describeNotReached(goals, results),
    '## Refused or not measured',
    '',
    ...describeRefused(results),
    '## How cost grows',
    '',
    ...describeGrowth(results),
    '# Bench by bench',
    '',
    ...names.flatMap((name) =>
      section(
        name,
        results.filter((result) => result.name === name),
      ),
    ),
    '## Commands that repeat it',
    '',
    ...commands(results),
  ]
    .filter((line, index, lines) => !(line === '' && lines[index - 1] === ''))
    .join('\n');
}

const howToRead = [
  '- **Compare within one bench of one engine**, which says when and at which commit it was measured: the same machine was twice as fast on one day as on another. Publisher, simulators, broker, Millrace and database share the cores of one machine. Its absolute figures say little about yours; ratios to the calibrators of the same run say more.',
  '- **Calibrators**: L0 is a binary COPY of the same rows into a bare heap, L1 into the table of readings with its unique index (by psql where it is installed); M0 and M1 are a bare MQTT.js subscriber that throws everything away, at QoS 0 and 1. Nothing that stores readings can be faster than L1 for long.',
  '- **Turns**: what is compared was measured in turns after a first round that is not counted. Figures are medians of the repeats; `[low–high]` at a ratio is its 95 % bootstrap interval over the pairs.',
  '- **Noise**: behind a figure with repeats stand the least and the most of them. A figure without either is of one run, which says nothing about how another would differ.',
  '- **Gates**: before a figure counts, and as far as its bench does these things, rows and a keyed checksum in the database equal the publisher’s, what is sent again is stored once, rollups equal what is computed anew, and the plan nodes that queries rely on are there.',
  '- **Refused** means: measured, but not to be used, because a gate failed, two measurements of the same thing (the lines “A/A”) differed by more than 10 %, or others used more than 10 % of the machine. The reason stands in its section; nothing is left out silently.',
  '- **reached / not reached** is about the figure itself, not about its interval.',
  '',
];

function describeMachines(results: readonly BenchResult[]): string[] {
  const distinct = (values: readonly string[]): string => [...new Set(values)].join('; ');
  const versions = new Map<string, Set<string>>();
  for (const result of results)
    for (const [name, version] of Object.entries(result.versions))
      versions.set(name, (versions.get(name) ?? new Set()).add(version));
  const times = results.map(({ started_at }) => started_at).sort();
  const minutes = results.reduce((sum, result) => sum + result.seconds, 0) / 60;
  return [
    `- Machine: ${distinct(results.map(({ machine }) => `${machine.cpu}, ${machine.cores} cores, ${machine.memory_gib} GiB, Linux ${machine.kernel}`))}`,
    `- Node: ${distinct(results.map(({ machine }) => machine.node))}`,
    ...[...versions].map(([name, all]) => `- ${name}: ${[...all].join('; ')}`),
    `- Commit: ${distinct(results.map(({ commit }) => commit))} (+: with changes that were not committed)`,
    `- Seed: ${distinct(results.map(({ seed }) => String(seed)))}`,
    `- From ${times[0]} on, ${minutes.toFixed(0)} minutes of measuring`,
    '',
  ];
}

function calibratorTable(results: readonly BenchResult[]): string {
  const rows = ['L0', 'L1', 'M0', 'M1'].map((calibrator) => {
    const cells = (['timescale', 'embedded'] as const).map((engine) => {
      for (const result of results.filter((candidate) => candidate.engine === engine)) {
        const measure = result.measures.find(({ what }) => what.startsWith(`${calibrator}:`));
        if (measure === undefined) continue;
        const repeats = measure.repeats ?? [];
        const refused = usable(result, measure) === undefined ? '' : ' – refused';
        return `${figure(measure)} (${showNumber(Math.min(...repeats))}–${showNumber(Math.max(...repeats))})${refused}`;
      }
      return '';
    });
    const what = results
      .flatMap(({ measures }) => measures)
      .find((measure) => measure.what.startsWith(`${calibrator}:`));
    return [what?.what ?? `${calibrator}: not measured`, ...cells];
  });
  return table(['median (least–most)', engineNames.timescale, engineNames.embedded], rows);
}

function goalTable(results: readonly BenchResult[]): string {
  const cell = (goal: Goal, engine: Engine): string => {
    const own = results.filter((result) => result.engine === engine);
    const lines = goal.figures.flatMap(([name, begin]) => {
      const result = own.find((candidate) => candidate.name === name);
      const found = result?.measures.filter(({ what }) => what.startsWith(begin)) ?? [];
      const [measure] = found;
      if (result === undefined || measure === undefined) return [`${name}, ${begin}: not measured`];
      const refused = usable(result, measure) !== undefined;
      const verdict = refused
        ? '*refused*'
        : measure.goal === undefined
          ? ''
          : measure.goal.met
            ? 'reached'
            : '**not reached**';
      return [`${figure(measure)}${verdict === '' ? '' : ` – ${verdict}`} (${shortName(measure.what)})`];
    });
    return own.length === 0 ? 'not measured' : lines.join('<br>');
  };
  return table(
    ['what', 'goal', engineNames.timescale, engineNames.embedded],
    goals.map((goal) => [goal.what, goal.goal, cell(goal, 'timescale'), cell(goal, 'embedded')]),
  );
}

const shortName = (what: string): string => (what.length > 60 ? `${what.slice(0, 57)}…` : what);

function describeRefused(results: readonly BenchResult[]): string[] {
  const lines = results.flatMap((result) => [
    ...(result.refused.length === 0
      ? []
      : [`- ${result.name} on ${engineNames[result.engine]}: ${result.refused.join('; ')}`]),
    ...(result.refused.length > 0
      ? []
      : result.measures
          .filter((measure) => measure.refused !== undefined)
          .map((measure) => `- ${result.name} on ${engineNames[result.engine]}, ${measure.what}: ${measure.refused}`)),
  ]);
  const missing = (Object.keys(benches) as BenchName[]).flatMap((name) =>
    (['timescale', 'embedded'] as const)
      .filter((engine) => !results.some((result) => result.name === name && result.engine === engine))
      .map((engine) => `- ${name} on ${engineNames[engine]}: there is no result`),
  );
  const all = [...lines, ...missing];
  return all.length === 0 ? ['Nothing was refused, and everything was measured.', ''] : [...all, ''];
}

function describeGrowth(results: readonly BenchResult[]): string[] {
  const drawn = plots(results);
  if (drawn.length === 0) return ['Not measured.', ''];
  return [
    'Both axes are logarithmic; the exponent b of x^b is the slope of the least-squares line: 1 is proportional, 0 does not grow.',
    '',
    ...drawn.flatMap(({ file, curves }) => [
      `### ${curves[0]?.curve.what ?? ''}`,
      '',
      `![${curves[0]?.curve.what ?? ''}](images/${file})`,
      '',
      table(
        ['', ...(curves[0]?.curve.points.map(({ x }) => `${showNumber(x)} ${curves[0]?.curve.x}`) ?? []), 'exponent'],
        curves.map(({ engine, curve, refused }) => [
          `${engineNames[engine]}${refused ? ' – refused' : ''}`,
          ...curve.points.map(({ y }) => `${showNumber(y)} ${curve.y}`),
          curve.exponent.toFixed(2),
        ]),
      ),
    ]),
  ];
}

interface Plot {
  file: string;
  svg: string;
  curves: { engine: Engine; curve: Curve; refused: boolean }[];
}

function plots(results: readonly BenchResult[]): Plot[] {
  const all = results.flatMap((result) =>
    result.curves.map((curve) => ({ engine: result.engine, curve, refused: result.refused.length > 0 })),
  );
  return [...Map.groupBy(all, ({ curve }) => curve.what)].map(([what, curves]) => ({
    file: `growth-${what
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .slice(0, 40)
      .replace(/-$/, '')}.svg`,
    svg: plotGrowth(curves),
    curves: curves.sort((left, right) => right.engine.localeCompare(left.engine)),
  }));
}

function section(name: BenchName, results: readonly BenchResult[]): string[] {
  const of = (engine: Engine): BenchResult | undefined => results.find((result) => result.engine === engine);
  const whats = [...new Set(results.flatMap((result) => result.measures.map((measure) => measure.what)))];
  const find = (engine: Engine, what: string): string => {
    const result = of(engine);
    const measure = result?.measures.find((candidate) => candidate.what === what);
    if (result === undefined || measure === undefined) return '';
    const refused = usable(result, measure) === undefined ? '' : ' – refused';
    return `${figure(measure)}${spread(measure)}${refused}${measure.note === undefined ? '' : ` (${measure.note})`}`;
  };
  const { what, means } = benches[name];
  const sizes = results.map(
    ({ engine, size, seconds, commit, started_at }) =>
      `${engineNames[engine]}: --seconds ${size.seconds} (${means}), ${size.repeats === 1 ? 'one run' : `--repeats ${size.repeats}`}, ${seconds} s in all, at commit ${commit} on ${started_at.slice(0, 10)}`,
  );
  return [
    `## ${name}`,
    '',
    `${what[0]?.toUpperCase()}${what.slice(1)}. \`npm run bench -- ${name}\`. ${sizes.join('; ')}.`,
    '',
    ...results.flatMap((result) =>
      result.refused.map((reason) => `> **Refused (${engineNames[result.engine]})**: ${reason}.\n`),
    ),
    table(
      ['', engineNames.timescale, engineNames.embedded],
      whats.map((each) => [each, find('timescale', each), find('embedded', each)]),
    ),
    ...results.flatMap((result) =>
      result.profiles.length === 0
        ? []
        : [
            `Where the time went (${engineNames[result.engine]}, a run of its own with \`--profile\`):`,
            '',
            ...result.profiles.map((profile) => profileTable(profile)),
          ],
    ),
    ...[...new Set(results.flatMap((result) => result.notes))].map((note) => `- ${note}`),
    '',
  ];
}

function commands(results: readonly BenchResult[]): string[] {
  const hasTimescale = results.some((result) => result.engine === 'timescale');
  return [
    '```sh',
    'git clone … millrace && cd millrace && npm ci',
    ...(hasTimescale ? ['export BENCH_TIMESCALE_URL=postgres://USER:PASSWORD@127.0.0.1:PORT/postgres'] : []),
    `npm run bench -- all${hasTimescale ? ' --engine both' : ''}`,
    'npm run bench -- ingest --engine embedded --seconds 15     # one bench, longer',
    'npm run bench -- ingest --profile && npm run bench -- report',
    'npm run bench -- tenfold --seconds 3600 && npm run bench -- report     # an hour',
    '```',
    '',
    'Only Node and npm are needed for the embedded engine. Without mosquitto the embedded broker stands in for it, and without psql our own sender of the same bytes loads the calibrators; the versions above say which it was. The TimescaleDB server needs the settings of docker-compose.yml and the right to create databases; each run makes one of its own and drops it.',
    '',
  ];
}
