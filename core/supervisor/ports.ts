import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { freePort } from '../embedded/postgres.ts';

const portsSchema = z.record(z.string(), z.number().int());

/**
 * The port of an embedded part: the one it had at the last start while that is free, else any free one. A port that
 * stays is an address that stays: an OPC UA server on another port would be another source in the books.
 */
export async function stablePort(dataDir: string, part: string): Promise<number> {
  const file = join(dataDir, 'ports.json');
  const ports = existsSync(file) ? (portsSchema.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data ?? {}) : {};
  const known = ports[part];
  if (known !== undefined && (await isFree(known))) return known;
  const port = await freePort();
  writeFileSync(file, `${JSON.stringify({ ...ports, [part]: port }, null, 2)}\n`);
  return port;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
