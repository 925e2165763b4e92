import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';

// The linter matches what is written in an import; this test resolves it, so that a relative path cannot slip past.
const root = join(import.meta.dirname, '..');
const rooms = ['core', 'ingest', 'analytics', 'api', 'web', 'migrations', 'simulators'];

/** Which rooms a room may import from, itself always. Tests may also use core/testing and the simulators' proxy. */
const allowedRooms: Record<string, string[]> = {
  core: [],
  ingest: ['core'],
  analytics: ['core'],
  api: ['core'],
  web: [],
  migrations: ['core'],
  simulators: ['core'],
};
/** What tests may import beyond: a migrated database, and faults made on purpose. */
const allowedInTests = ['core', 'migrations', 'simulators'];

/** Packages that belong to one place only (design: rooms). */
const packageOwners: Record<string, (file: string) => boolean> = {
  pg: (file) => file === 'core/database.ts',
  'pg-copy-streams': (file) => file === 'core/database.ts',
  bullmq: (file) => file === 'core/queues.ts',
  ioredis: (file) => file === 'core/queues.ts',
  mqtt: (file) => file.startsWith('ingest/receive/') || file.startsWith('simulators/'),
  'node-opcua': (file) => file.startsWith('ingest/receive/') || file.startsWith('simulators/'),
  fastify: (file) => file.startsWith('api/'),
  uplot: (file) => file.startsWith('web/chart'),
  aedes: (file) => file.startsWith('core/embedded/'),
};

interface Import {
  file: string;
  specifier: string;
  typeOnly: boolean;
}

const files = globSync(`{${rooms.join(',')}}/**/*.{ts,tsx}`, {
  cwd: root,
  exclude: (path) => path.includes('dist') || path.includes('node_modules'),
});
// A folder named testing holds what only tests use.
const isTest = (file: string): boolean => /\.test\.tsx?$/.test(file) || file.includes('/testing/');
const imports: Import[] = files.flatMap((file) => {
  const text = readFileSync(join(root, file), 'utf8');
  const pattern =
    /^(import|export)\s+(type\s+)?[^'"`;]*?from\s+['"]([^'"]+)['"]|^import\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gms;
  return [...text.matchAll(pattern)].map((match) => ({
    file,
    specifier: match[3] ?? match[4] ?? match[5] ?? '',
    typeOnly: match[2] !== undefined,
  }));
});

describe('rooms', () => {
  test('there are imports to look at', () => {
    expect(files.length).toBeGreaterThan(50);
    expect(imports.length).toBeGreaterThan(200);
  });

  test('a room imports only what the design allows', () => {
    const wrong = imports.flatMap(({ file, specifier, typeOnly }) => {
      if (!specifier.startsWith('.')) return [];
      const from = file.split('/')[0] ?? '';
      const to = relative(root, join(root, dirname(file), specifier)).split('/')[0] ?? '';
      if (from === to || allowedRooms[from]?.includes(to) === true) return [];
      if (isTest(file) && allowedInTests.includes(to)) return [];
      if (from === 'web' && typeOnly && (to === 'api' || to === 'core')) return [];
      return [`${file} imports ${specifier}`];
    });
    expect(wrong).toEqual([]);
  });

  test('a package is imported only where it belongs', () => {
    const wrong = imports.flatMap(({ file, specifier, typeOnly }) => {
      const name = specifier.startsWith('@')
        ? specifier.split('/').slice(0, 2).join('/')
        : (specifier.split('/')[0] ?? '');
      const owns = packageOwners[name];
      return owns === undefined || owns(file) || typeOnly || isTest(file) ? [] : [`${file} imports ${specifier}`];
    });
    expect(wrong).toEqual([]);
  });

  test('the environment is read only by the settings, and time only from the clock', () => {
    const wrong = files.flatMap((file) => {
      if (isTest(file) || file.startsWith('web/')) return [];
      const text = readFileSync(join(root, file), 'utf8').replaceAll(/^\s*(\*|\/\/|\/\*).*$/gm, '');
      const found = [];
      if (file !== 'core/settings.ts' && /process\.env\b/.test(text)) found.push(`${file} reads process.env`);
      if (file !== 'core/clock.ts' && /\bDate\.now\b|new Date\(\)|\bperformance\./.test(text))
        found.push(`${file} asks for the time`);
      return found;
    });
    expect(wrong).toEqual([]);
  });
});
