import { showNumber } from './context.ts';
import type { Goal, Limit } from './goals.ts';
import type { Profile } from './profile.ts';
import type { BenchResult, Measure } from './result.ts';
import { figure, profileTable, usable } from './report-parts.ts';

const programsOfNode = ['MainThread', 'node', 'V8Worker', 'libuv-worker', 'DelayedTaskSche', 'SignalInspector'];

/** What each goal that is not reached lacks: its figures, where the cores' time went in a profiled run, and what would change it. */
export function describeNotReached(goals: readonly Goal[], results: readonly BenchResult[]): string[] {
  const judged = goals.map((goal) => ({ goal, missed: missedFigures(goal, results) }));
  const open = judged.filter(({ missed }) => missed.length > 0);
  if (open.length === 0)
    return ['No goal that was measured and not refused is missed on the engine that the goals are set for.', ''];
  const shown = new Set<BenchResult>();
  return open.flatMap(({ goal, missed }) => {
    const names = new Set(missed.map(({ result }) => profiledAs[result.name] ?? result.name));
    const own = results.filter((result) => names.has(result.name) && result.profiles.length > 0);
    const profiles = own.flatMap((result) => {
      const head = `**Profile** of ${result.name} (${result.engine}, a run of its own)`;
      if (shown.has(result)) return [`${head}: above.`, ''];
      shown.add(result);
      return [`${head}:`, '', ...result.profiles.map((profile) => profileTable(profile, 8))];
    });
    return [
      `### ${goal.what}`,
      '',
      `Goal: ${goal.goal}.`,
      '',
      ...missed.map(describeMissed),
      '',
      ...(own.length === 0 ? [`**Profile**: ${withoutProfile([...names][0] ?? '')}`, ''] : profiles),
      `**Reason**: ${reason(
        own.flatMap((result) => result.profiles),
        missed,
      )}`,
      '',
      `**What would change it**: ${changeOf(goal, own)}`,
      '',
    ];
  });
}

/** What Millrace does in a bench is what it does in another, which is profiled. */
const profiledAs: Readonly<Record<string, string>> = { peers: 'ingest', plant: 'tenfold' };

function describeMissed({ result, measure }: Missed): string {
  const note = measure.note === undefined ? '' : `; ${measure.note}`;
  return `- **${figure(measure)}** – ${measure.what} (${result.engine}; goal ${measure.goal?.text ?? ''}${note})`;
}

interface Missed {
  result: BenchResult;
  measure: Measure;
}

/** On TimescaleDB where it was measured: the goals are set for it. */
function missedFigures(goal: Goal, results: readonly BenchResult[]): Missed[] {
  const engine = results.some((result) => result.engine === 'timescale') ? 'timescale' : 'embedded';
  return goal.figures.flatMap(([name, begin]) =>
    results
      .filter((result) => result.engine === engine && result.name === name)
      .flatMap((result) =>
        result.measures
          .filter(
            (measure) =>
              measure.what.startsWith(begin) && measure.goal?.met === false && usable(result, measure) === undefined,
          )
          .map((measure) => ({ result, measure })),
      ),
  );
}

const withoutProfile = (name: string): string =>
  `none of this run; \`npm run bench -- ${name} --profile\`, then \`npm run bench -- report\`, puts it here. The figures of the bench below say how the cost is shared.`;

function machineOf(profiles: readonly Profile[]): Profile | undefined {
  return profiles.find((profile) => profile.idle_percent !== undefined);
}

/** The thread that is the limit, else who had the cores. */
export function limitOf(profiles: readonly Profile[]): Limit | undefined {
  const machine = machineOf(profiles);
  if (machine === undefined) return undefined;
  if ((machine.idle_percent ?? 0) > 40) return 'waiting';
  const busiest = machine.busiest_thread;
  if (busiest !== undefined && busiest.percent >= usedUp)
    return busiest.name.startsWith('postgres') ? 'database' : busiest.name.startsWith('mosquitto') ? 'broker' : 'node';
  const share = (isIt: (name: string) => boolean): number =>
    machine.functions.filter(({ name }) => isIt(name)).reduce((sum, { percent }) => sum + percent, 0);
  const shares: [Limit, number][] = [
    ['database', share((name) => name === 'postgres')],
    ['broker', share((name) => name === 'mosquitto')],
    ['node', share((name) => programsOfNode.includes(name))],
  ];
  return shares.sort((left, right) => right[1] - left[1])[0]?.[0];
}

/** Percent of a core above which it counts as used up. */
const usedUp = 90;

const limitWords: Record<Limit, string> = {
  database: 'the database',
  broker: 'the broker',
  node: 'the Node processes (rooms, publisher and simulators together)',
  waiting: 'nobody',
};

function reason(profiles: readonly Profile[], missed: readonly Missed[]): string {
  const machine = machineOf(profiles);
  const shares =
    missed[0]?.result.measures.filter(({ what }) => what.startsWith('CPU of ') || what.startsWith('the column ')) ?? [];
  const said = shares.map((measure) => `${measure.what} ${figure(measure)}`).join(', ');
  const measured = said === '' ? '' : ` Measured without profiling: ${said}.`;
  if (machine === undefined)
    return `the machine as a whole was not profiled in this run; what the figures above and the table of the bench say is what is known.${measured}`;
  const limit = limitOf(profiles);
  const words = machine.functions.slice(0, 4).map(({ name, percent }) => `${name} ${percent.toFixed(0)} %`);
  const idle = `${(machine.idle_percent ?? 0).toFixed(0)} % of the cores' time was idle`;
  const most = `${limitWords[limit ?? 'node']} had most of them: ${words.join(', ')}`;
  const main =
    limit === 'waiting'
      ? `it is not work but waiting: ${idle}.`
      : `${bound(machine)} Of the used parts of the cores, ${most}; ${idle}.`;
  const rooms = profiles
    .filter((profile) => profile.parts !== undefined)
    .map(
      (profile) =>
        `${profile.process} spent its own time in ${(profile.parts ?? [])
          .slice(0, 4)
          .map((part) => `${part.name} ${showNumber(part.percent)} %`)
          .join(', ')}`,
    );
  return `${main}${rooms.length === 0 ? '' : ` Of the rooms, ${rooms.join('; ')}.`}${measured}`;
}

/** Whether cores or one thread are used up, or neither. */
function bound({ idle_percent = 0, busiest_thread: busiest }: Profile): string {
  const thread =
    busiest === undefined
      ? ''
      : `the busiest thread, ${busiest.name}, used ${busiest.percent.toFixed(0)} % of one core`;
  if (busiest !== undefined && busiest.percent >= usedUp)
    return `${thread}: one thread is the limit, and more cores alone would not move it.`;
  if (idle_percent < 100 - usedUp)
    return `the cores are used up${thread === '' ? '' : `, and no single thread is (${thread})`}.`;
  return `neither the cores nor a single thread are used up${thread === '' ? '' : ` (${thread})`}: a reading passes one process after the other, and with few cores each waits for the others at times.`;
}

function changeOf(goal: Goal, results: readonly BenchResult[]): string {
  const limit = limitOf(results.flatMap((result) => result.profiles));
  return (limit === undefined ? undefined : goal.change[limit]) ?? goal.change.any;
}
