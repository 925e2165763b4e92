import { beforeAll, expect, test } from 'vitest';
import { createStage, type Stage } from './testing/stage.ts';

interface Operation {
  operationId?: string;
  security?: object[];
  summary?: string;
  tags?: string[];
  parameters?: { name: string; in: string; required?: boolean; schema?: object }[];
  responses: Record<string, { description?: string; content?: Record<string, { schema?: object }> }>;
}

let stage: Stage;
let document: { openapi: string; info: { title: string }; paths: Record<string, Record<string, Operation>> };
beforeAll(async () => {
  stage = await createStage();
  document = (await stage.ask({ url: '/openapi.json' })).body;
});

const promised = [
  'login',
  'signals',
  'signals/{id}/readings',
  'signals/{id}/series',
  'machines',
  'lines',
  'sites',
  'oee',
  'downtime',
  'alarms',
  'anomalies',
  'faults',
  'reliability',
  'work-orders',
  'maintenance-plans',
  'ledger',
  'rejected',
  'discovered',
  'stream',
];

test('is OpenAPI 3.1 and names every promised path', () => {
  expect(document).toMatchObject({ openapi: '3.1.0', info: { title: 'Millrace' } });
  for (const path of promised) expect(document.paths, path).toHaveProperty([`/api/v1/${path}`]);
});

test('describes every route there is', () => {
  // Fastify's own listing of its routes, so that a route without a schema cannot hide.
  const lines = stage.app.printRoutes({ commonPrefix: false }).split('\n');
  const routes = lines.flatMap((line) => {
    const found = /(\/\S*) \((.+)\)/.exec(line);
    return found?.[1] === undefined || found[2] === undefined
      ? []
      : found[2].split(', ').map((method) => ({ url: found[1] ?? '', method }));
  });
  const described = Object.values(document.paths).reduce((sum, path) => sum + Object.keys(path).length, 0);
  const served = routes.filter(({ method, url }) => method !== 'HEAD' && !url.includes('*') && method !== 'OPTIONS');
  expect(served.length).toBeGreaterThan(30);
  expect(described).toBe(served.length);
});

test('gives every operation a summary, a tag, a described success and the problem', () => {
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const where = `${method} ${path}`;
      expect(operation.summary, where).toBeTruthy();
      expect(operation.tags, where).toHaveLength(1);
      const codes = Object.keys(operation.responses);
      expect(
        codes.some((code) => code.startsWith('2')),
        where,
      ).toBe(true);
      expect(operation.responses['default']?.content, where).toHaveProperty(['application/problem+json', 'schema']);
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect(
        operation.parameters?.filter((parameter) => parameter.in === 'path').map((parameter) => parameter.name) ?? [],
        where,
      ).toEqual(inPath);
    }
  }
});

test('gives every operation a name of its own', () => {
  const names = Object.values(document.paths).flatMap((path) => Object.values(path).map((each) => each.operationId));
  expect(new Set(names).size).toBe(names.length);
  expect(names).toContain('getSignalsByIdReadings');
  for (const name of names) expect(name).toMatch(/^(get|post)[A-Z][A-Za-z]+$/);
});

test('says that the login and what machines ask need no login', () => {
  const open = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.values(operations).flatMap((operation) => (operation.security?.length === 0 ? [path] : [])),
  );
  expect(open.sort()).toEqual(['/api/v1/login', '/health/live', '/health/ready', '/metrics', '/openapi.json']);
});

test('lists say how many at once, and their defaults', () => {
  const limit = document.paths['/api/v1/machines']?.['get']?.parameters?.find(
    (parameter) => parameter.name === 'limit',
  );
  expect(limit).toMatchObject({ in: 'query', schema: { minimum: 1, maximum: 1000, default: 100 } });
  expect(limit?.required ?? false).toBe(false);
});

test('holds only schemas that JSON Schema can say', () => {
  const text = JSON.stringify(document);
  expect(text).not.toContain('"_zod"');
  expect(text).not.toContain('undefined');
});
