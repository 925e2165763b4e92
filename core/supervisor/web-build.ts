import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Whether the page's sources are newer than its build, or there is no build. */
export function isWebBuildStale(root: string): boolean {
  const built = join(root, 'web/dist/index.html');
  if (!existsSync(join(root, 'web/index.html'))) return false;
  if (!existsSync(built)) return true;
  const builtAt = statSync(built).mtimeMs;
  const sources = ['web', 'api/schemas', 'core'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true }).filter(
      (entry) => entry.isFile() && !entry.parentPath.includes('dist') && !entry.parentPath.includes('node_modules'),
    ),
  );
  return sources.some((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs > builtAt);
}
