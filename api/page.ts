import fastifyStatic from '@fastify/static';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { App } from './context.ts';
import { ProblemError } from './problem.ts';

const builtPage = fileURLToPath(new URL('../web/dist/', import.meta.url));

/**
 * Serves the built page. Its paths are its own business: a browser that asks for a page anywhere outside the API gets
 * index.html. Files under /assets carry a hash in their name and may be kept for good; index.html is asked for anew.
 */
export async function addPage(app: App, methodsOf: (path: string) => string[], folder = builtPage): Promise<void> {
  const isBuilt = existsSync(join(folder, 'index.html'));
  if (isBuilt) {
    await app.register(fastifyStatic, {
      root: folder,
      cacheControl: false,
      setHeaders: (reply, path) => {
        const isHashed = path.startsWith(join(folder, 'assets'));
        void reply.header('cache-control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache');
      },
    });
  }
  app.setNotFoundHandler((request, reply) => {
    const wantsPage = request.method === 'GET' && (request.headers.accept ?? '').includes('text/html');
    if (wantsPage && !request.url.startsWith('/api/')) {
      if (isBuilt) return reply.sendFile('index.html');
      throw new ProblemError('unavailable', 'The page is not built; run `npm run build` and start the API again.');
    }
    const path = request.url.split('?', 1)[0] ?? '/';
    const methods = methodsOf(path).join(', ');
    if (methods === '') throw new ProblemError('not-found', `There is nothing at ${request.method} ${path}.`);
    void reply.header('allow', methods);
    throw new ProblemError('wrong-method', `${path} takes ${methods}, not ${request.method}.`);
  });
}
