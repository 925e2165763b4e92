import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { promisify } from 'node:util';
import { monotonic } from '../../core/clock.ts';
import { findProgram } from './bench-broker.ts';
import type { BenchDatabase } from './bench-database.ts';
import { createWorkload } from './workload.ts';

/** Columns in the order in which the rows of the file have them. */
const columns = 'time, signal_id, value, quality';
const postgresEpochMs = Date.UTC(2000, 0, 1);

/** A file of rows as binary COPY takes it: the same rows that the publisher would send, tick by tick. */
export interface RowFile {
  path: string;
  rows: number;
  checksum: string;
  remove(): Promise<void>;
}

export async function writeRowFile(
  folderOfRun: string,
  signalIds: readonly number[],
  ticks: number,
  startMs: number,
  stepMs: number,
  seed: number,
): Promise<RowFile> {
  const folder = await mkdtemp(join(folderOfRun, 'rows-'));
  const path = join(folder, 'rows.bin');
  const out = createWriteStream(path);
  out.write(Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]));
  const workload = createWorkload(signalIds, seed);
  for (let tick = 0; tick < ticks; tick++) {
    const timeMs = startMs + Math.round(tick * stepMs);
    workload.step(timeMs);
    const rows = Buffer.alloc(signalIds.length * 40);
    for (let index = 0; index < signalIds.length; index++) {
      const at = index * 40;
      rows.writeInt16BE(4, at);
      rows.writeInt32BE(8, at + 2);
      rows.writeBigInt64BE(BigInt(timeMs - postgresEpochMs) * 1000n, at + 6);
      rows.writeInt32BE(4, at + 14);
      rows.writeInt32BE(signalIds[index] ?? 0, at + 18);
      rows.writeInt32BE(8, at + 22);
      rows.writeDoubleBE((workload.hundredths[index] ?? 0) / 100, at + 26);
      rows.writeInt32BE(2, at + 34);
      rows.writeInt16BE(192, at + 38);
    }
    if (!out.write(rows)) await once(out, 'drain');
  }
  out.end(Buffer.from([0xff, 0xff]));
  await finished(out);
  return {
    path,
    rows: workload.readings,
    checksum: workload.checksum.toString(),
    remove: () => rm(folder, { recursive: true }),
  };
}

/** How rows are loaded by hand: psql where it is installed, else our own sender of the same bytes. */
export function loaderName(): string {
  return findProgram('psql') === undefined
    ? 'binary COPY sent by this bench (psql is not on the PATH)'
    : 'psql \\copy (format binary)';
}

/** Loads a file into a table by one binary COPY; answers rows a second. */
export async function loadRows({ url, database }: BenchDatabase, table: string, file: RowFile): Promise<number> {
  const psql = findProgram('psql');
  const started = monotonic();
  if (psql !== undefined) {
    await promisify(execFile)(psql, [
      url,
      '-q',
      '-v',
      'ON_ERROR_STOP=1',
      '-c',
      `\\copy ${table} (${columns}) from '${file.path}' (format binary)`,
    ]);
  } else {
    const bytes = readFileSync(file.path);
    const pieces = Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, index) =>
      bytes.subarray(index * 65_536, (index + 1) * 65_536),
    );
    await database.withConnection((connection) =>
      connection.copyIn(`copy ${table} (${columns}) from stdin (format binary)`, pieces),
    );
  }
  return (file.rows / (monotonic() - started)) * 1000;
}

/** L0 and L1 once: into a bare heap, and into the table of readings with its indexes. Both are emptied afterwards. */
export async function calibrate(bench: BenchDatabase, file: RowFile): Promise<{ l0: number; l1: number }> {
  const { database } = bench;
  await database.query('drop table if exists bare_heap');
  await database.query(
    'create table bare_heap (time timestamptz not null, signal_id int4 not null, value float8, quality int2 not null)',
  );
  await database.query('checkpoint');
  const l0 = await loadRows(bench, 'bare_heap', file);
  await database.query('drop table bare_heap');
  await database.query('checkpoint');
  const l1 = await loadRows(bench, 'reading', file);
  await bench.clear();
  return { l0, l1 };
}
