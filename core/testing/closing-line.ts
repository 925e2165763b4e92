import type { Reporter, TestModule } from 'vitest/node';

interface Outcome {
  passed: number;
  failed: number;
  /** One line for each skipped test: where it is, its name, and why it was skipped. */
  skipped: string[];
}

/**
 * Vitest reporter that ends a run with what a reader must not miss: every skipped test by name with its reason, and
 * then, alone on the very last line, `N passed, N failed, N skipped`. The reason is what `context.skip(note)` was given
 * or stands in the title, as in `reads from mosquitto (skipped: mosquitto is not installed)`.
 */
export default class ClosingLine implements Reporter {
  private outcome: Outcome = { passed: 0, failed: 0, skipped: [] };

  onInit(): void {
    // At the exit of the process: the summary of the default reporter and the end of the global setups come before.
    process.once('exit', (code) => process.stdout.write(closingLines(this.outcome, code)));
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    this.outcome = countTests(modules, unhandledErrors.length);
  }
}

/**
 * Counts tests. A file that failed outside of any test (while loading, in a hook, by a leak) and an unhandled error
 * count as one failed test each.
 */
export function countTests(modules: readonly TestModule[], unhandledErrors: number): Outcome {
  const outcome: Outcome = { passed: 0, failed: unhandledErrors, skipped: [] };
  for (const module of modules) {
    let failedHere = 0;
    for (const test of module.children.allTests()) {
      const result = test.result();
      if (result.state === 'passed') outcome.passed++;
      if (result.state === 'failed') failedHere++;
      if (result.state === 'skipped')
        outcome.skipped.push(describeSkipped(`${module.relativeModuleId} > ${test.fullName}`, result.note));
    }
    outcome.failed += module.ok() ? failedHere : Math.max(1, failedHere);
  }
  return outcome;
}

/** The last lines of a run; a run that failed otherwise than by a test (no file found) shows as one failed test. */
export function closingLines(outcome: Outcome, exitCode: number): string {
  const failed = exitCode !== 0 ? Math.max(1, outcome.failed) : outcome.failed;
  return [...outcome.skipped, `${outcome.passed} passed, ${failed} failed, ${outcome.skipped.length} skipped`, ''].join(
    '\n',
  );
}

function describeSkipped(name: string, note: string | undefined): string {
  if (note !== undefined && note !== '') return `skipped: ${name} (skipped: ${note})`;
  return name.includes('(skipped: ') ? `skipped: ${name}` : `skipped: ${name} (skipped: no reason given)`;
}
