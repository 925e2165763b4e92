import { parseArgs } from 'node:util';
import { SettingsError } from './settings.ts';

/**
 * The words after a command, for commands without options: undefined when they ask for help, which is then written.
 * Throws a SettingsError for an option that it does not have, and for words where `takesWords` is false.
 */
export function readWords(usage: string, takesWords = false): string[] | undefined {
  try {
    const options = { help: { type: 'boolean', short: 'h' } } as const;
    const { values, positionals } = parseArgs({ options, allowPositionals: takesWords });
    if (values.help !== true) return positionals;
  } catch (error) {
    throw new SettingsError(`${(error as Error).message}\n\n${usage}`, { cause: error });
  }
  process.stdout.write(usage);
  return undefined;
}
