import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createTestDatabase, testEngines } from '../core/testing/database.ts';
import { migrationsFolder } from './run.ts';
import { describeSchema, describeServer } from './schema.ts';

test.for(testEngines())(
  'the schema on %s is the one in git (else run npm run schema:dump and read the difference)',
  async (engine, context) => {
    const written = readFileSync(join(migrationsFolder, `schema.${engine}.txt`), 'utf8');
    const database = await createTestDatabase(engine);
    const server = await describeServer(database);
    // Another major version prints the same definitions differently.
    context.skip(
      !written.startsWith(`Written by npm run schema:dump from ${server}\n`),
      `the snapshot is not of ${server}`,
    );
    expect(await describeSchema(database, engine)).toBe(written);
  },
);
