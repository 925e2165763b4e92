import { expect, test } from 'vitest';
import { checkSettings } from './check-settings.ts';
import { judgeTimescale } from './check-versions.ts';
import type { Finding, Patient } from './finding.ts';

const good: Record<string, number | string> = {
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  max_wal_size: 8 * 2 ** 30,
  checkpoint_timeout: 900,
  shared_buffers: 2 * 2 ** 30,
  wal_compression: 'lz4',
  jit: 'off',
  autovacuum: 'on',
  'timescaledb.max_background_workers': 8,
  max_worker_processes: 24,
  max_parallel_workers: 8,
};

/** What is found with the good settings changed by `changes`. */
function find(changes: Record<string, number | string>, more: Partial<Patient> = {}): Promise<Finding[]> {
  const settings = { ...good, ...changes };
  return checkSettings.run({
    // The settings are judged without asking the database.
    connection: undefined as unknown as Patient['connection'],
    clock: () => 0,
    engine: 'timescale',
    readings_per_second: 1781,
    memory_bytes: 8 * 2 ** 30,
    setting: (name) => settings[name],
    ...more,
  });
}

test('the settings of docker-compose.yml are healthy', async () => {
  expect(await find({})).toEqual([]);
});

test.each([
  ['fsync', 'off', 'danger'],
  ['full_page_writes', 'off', 'danger'],
  ['synchronous_commit', 'off', 'danger'],
  ['autovacuum', 'off', 'danger'],
  ['timescaledb.max_background_workers', 0, 'danger'],
  ['max_wal_size', 2 ** 30, 'advice'],
  ['checkpoint_timeout', 300, 'advice'],
  ['shared_buffers', 128 * 2 ** 20, 'advice'],
  ['shared_buffers', 6 * 2 ** 30, 'advice'],
  ['wal_compression', 'off', 'advice'],
  ['jit', 'on', 'advice'],
  ['max_worker_processes', 8, 'advice'],
])('%s = %s is named as %s, with what is recommended, why, and a command', async (name, value, level) => {
  const findings = await find({ [name]: value });
  expect(findings).toMatchObject([{ level, what: name }]);
  for (const text of Object.values(findings[0] ?? {})) expect(text.length).toBeGreaterThan(0);
  expect(findings[0]?.command).toContain(name);
});

test('the wanted WAL grows with the rate, and workers are judged on TimescaleDB only', async () => {
  expect(await find({}, { readings_per_second: 200_000 })).toMatchObject([
    { what: 'max_wal_size', recommended: '42.8 GB' },
  ]);
  expect(await find({ 'timescaledb.max_background_workers': 0 }, { engine: 'postgres' })).toEqual([]);
});

test.each([
  ['2.27.3', 'danger'],
  ['2.28.3', 'advice'],
  ['2.29.1', 'danger'],
])('TimescaleDB %s is %s', (version, level) => {
  expect(judgeTimescale(version)).toMatchObject([{ level, value: version }]);
});

test.each(['2.29.2', '2.30.0', '2.31.0', '3.0.0', '2.29.2-dev'])('TimescaleDB %s is fine', (version) => {
  expect(judgeTimescale(version)).toEqual([]);
});
