import { defineConfig } from 'vitest/config';

// Six kinds of test (docs/testing.md): pure, on a real database, end to end, against peers that share no code with ours
// (these two run in one project), with faults caused on purpose, and for hours.
const ignored = ['**/node_modules/**', 'web/dist/**', '.data/**'];
const withServices = { pool: 'forks', fileParallelism: false, hookTimeout: 120_000 } as const;
// One kind after the other: a fault test measures lags that 90 pure tests on the same two cores would stretch.
const turn = (groupOrder: number) => ({ sequence: { groupOrder } });

export default defineConfig({
  test: {
    reporters: ['default', './core/testing/fault-table.ts', './core/testing/closing-line.ts'],
    setupFiles: ['./core/testing/leaks.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          ...turn(1),
          // Pure tests share their modules: loading them anew for each of 90 files took longer than the tests.
          pool: 'threads',
          isolate: false,
          maxWorkers: 2,
          // Generous, because a shared machine may be ten times slower.
          testTimeout: 30_000,
          include: ['**/*.test.ts', '**/*.test.tsx'],
          exclude: [...ignored, '**/*.{db,e2e,fault,interop,soak}.test.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'db',
          ...turn(2),
          include: ['**/*.db.test.ts'],
          exclude: ignored,
          pool: 'forks',
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 120_000,
          globalSetup: ['./core/testing/database-server.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          ...turn(3),
          include: ['**/*.e2e.test.ts', '**/*.interop.test.ts'],
          exclude: ignored,
          ...withServices,
          testTimeout: 180_000,
          globalSetup: ['./core/testing/database-server.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'fault',
          ...turn(4),
          include: ['**/*.fault.test.ts'],
          exclude: ignored,
          ...withServices,
          testTimeout: 300_000,
          globalSetup: ['./core/testing/database-server.ts'],
        },
      },
      // Hours long: only `npm run test:soak` runs it.
      ...(process.env['SOAK'] === undefined
        ? []
        : [
            {
              extends: true as const,
              test: {
                name: 'soak',
                ...turn(5),
                include: ['**/*.soak.test.ts'],
                exclude: ignored,
                ...withServices,
                testTimeout: 3 * 3_600_000,
                globalSetup: ['./core/testing/database-server.ts'],
              },
            },
          ]),
    ],
  },
});
