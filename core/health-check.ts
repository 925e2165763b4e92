import { isAlive } from './alive.ts';
import { readSettings } from './settings.ts';

// The health check of the containers without an HTTP server: `node core/health-check.ts ingest`.
const room = process.argv[2] ?? '';
const { DATA_DIR } = readSettings();
if (!isAlive(DATA_DIR, room)) {
  process.stderr.write(`${room} has not turned its event loop for 30 s (or never started); see its log.\n`);
  process.exitCode = 1;
}
