import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';

// `npm run check`: format, lint, types, unused code and the pure tests, side by side, because one after the other they
// take twice as long on two cores. Prints what failed, whole, and a line for each with its duration.
const { values } = parseArgs({ options: { static: { type: 'boolean', default: false } } });

const checks: [string, string[]][] = [
  // One program reads all types once, for the compiler's errors and for the rules that need types, each file by its
  // nearest tsconfig.json: 10 s of processor time, where tsc for the rooms, tsc for the page and the linter took 15 s.
  ['types and lint', ['oxlint', '--type-aware', '--type-check']],
  ['unused code', ['knip']],
  ['format', ['biome', 'ci', '--linter-enabled=false', '.']],
];
if (!values.static) checks.unshift(['pure tests', ['vitest', 'run', '--project', 'unit']]);

// The type checker is written in Go, whose garbage collector takes a third of its time unless it may use 1 GB.
const fewCollections = { GOGC: '800' };

interface Result {
  name: string;
  passed: boolean;
  seconds: number;
  output: string;
}

function run([name, command]: [string, string[]]): Promise<Result> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const [program = '', ...parameters] = command;
    // npm puts node_modules/.bin in front of the PATH of every script.
    const child = spawn(program, parameters, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...fewCollections },
    });
    let output = '';
    const keep = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (error) => keep(Buffer.from(`${program} cannot be started: ${error.message}; run npm ci.\n`)));
    child.once('close', (code) => {
      resolve({ name, passed: code === 0, seconds: (performance.now() - startedAt) / 1000, output });
    });
  });
}

const results = await Promise.all(checks.map(run));
for (const { name, output } of results.filter((result) => !result.passed)) {
  process.stdout.write(`\n──── ${name} ────\n${output}`);
}
for (const { name, passed, seconds } of results) {
  process.stdout.write(`${passed ? '✓' : '×'} ${name.padEnd(18)} ${seconds.toFixed(1).padStart(5)} s\n`);
}
process.exitCode = results.every((result) => result.passed) ? 0 : 1;
