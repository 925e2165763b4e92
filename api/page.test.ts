import fastify from 'fastify';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { silentLog } from '../core/log.ts';
import type { App } from './context.ts';
import { addPage } from './page.ts';
import { sendProblem } from './problem.ts';
import { listen } from './server.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serve(folder: string): Promise<App> {
  const app = fastify() as unknown as App;
  closers.push(() => app.close());
  app.setErrorHandler((error, request, reply) => sendProblem(request, reply, error, silentLog));
  await addPage(app, () => [], folder);
  return app;
}

function buildPage(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-page-'));
  closers.push(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'assets'));
  writeFileSync(join(folder, 'index.html'), '<h1>Millrace</h1>');
  writeFileSync(join(folder, 'assets/index-abc123.js'), 'start()');
  return folder;
}

test('the page comes at every path a browser asks for outside the API, its files for good', async () => {
  const app = await serve(buildPage());
  const html = { accept: 'text/html,application/xhtml+xml' };
  for (const url of ['/', '/machines/7?range=1h', '/index.html']) {
    const page = await app.inject({ url, headers: html });
    expect([page.statusCode, page.payload, page.headers['cache-control']], url).toEqual([
      200,
      '<h1>Millrace</h1>',
      'no-cache',
    ]);
  }
  const script = await app.inject({ url: '/assets/index-abc123.js' });
  expect(script.headers['cache-control']).toBe('public, max-age=31536000, immutable');
  for (const [url, accept] of [
    ['/api/v1/nothing', 'text/html'],
    ['/assets/gone.js', '*/*'],
    ['/../package.json', '*/*'],
    ['/%2e%2e/package.json', '*/*'],
  ] as const) {
    expect((await app.inject({ url, headers: { accept } })).statusCode, url).toBe(404);
  }
});

test('a page that is not built says what to do', async () => {
  const app = await serve(join(tmpdir(), 'no-such-page'));
  const answer = await app.inject({ url: '/', headers: { accept: 'text/html' } });
  expect([answer.statusCode, answer.json().detail]).toEqual([
    503,
    'The page is not built; run `npm run build` and start the API again.',
  ]);
});

test('a taken port is one sentence that says what to do', async () => {
  const first = await serve(buildPage());
  const port = Number(new URL(await listen(first, '127.0.0.1', 0)).port);
  const second = await serve(buildPage());
  await expect(listen(second, '127.0.0.1', port)).rejects.toThrow(
    `HTTP_PORT ${port} is taken by another program; set HTTP_PORT to a free port.`,
  );
  await expect(listen(await serve(buildPage()), '192.0.2.1', 0)).rejects.toThrow(
    'HTTP_HOST 192.0.2.1 is not an address of this machine',
  );
});
