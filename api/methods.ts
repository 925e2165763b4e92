import type { App } from './context.ts';

/** Collects the methods of every path from here on, so that a wrong one is answered with what is right; [] for no path. */
export function collectMethods(app: App): (path: string) => string[] {
  const routes: { path: RegExp; methods: string[] }[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    // The page's files have no methods worth telling.
    if (url.includes('*')) return;
    const pattern = url.replaceAll('.', '\\.').replaceAll(/:\w+/g, '[^/]+');
    routes.push({ path: new RegExp(`^${pattern}$`), methods: [method].flat() });
  });
  return (path) => [...new Set(routes.filter((route) => route.path.test(path)).flatMap((route) => route.methods))];
}
