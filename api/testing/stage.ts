import type { InjectOptions } from 'fastify';
import { afterAll } from 'vitest';
import { now, type Clock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { readSettings } from '../../core/settings.ts';
import { createTestDatabase, type TestDatabase } from '../../core/testing/database.ts';
import { buildApp, type AppOptions } from '../app.ts';
import { openSession } from '../auth/session.ts';
import type { App } from '../context.ts';
import type { Role } from '../schemas/session.ts';
import { createSmallPlant, type SmallPlant } from './small-plant.ts';

/** An answer of the API to a test. */
export interface Answer {
  status: number;
  // The tests read what they asserted before; typing every answer here would say the schemas twice.
  // oxlint-disable-next-line typescript/no-explicit-any
  body: any;
  headers: Record<string, unknown>;
}

export interface Stage {
  database: TestDatabase;
  app: App;
  plant: SmallPlant;
  other: SmallPlant;
  employees: Record<Role, number>;
  tokens: Record<Role, string>;
  /** The administrator of the other organization. */
  otherToken: string;
  get(url: string, token?: string): Promise<Answer>;
  post(url: string, body: unknown, token?: string): Promise<Answer>;
  ask(options: InjectOptions): Promise<Answer>;
}

const opened: App[] = [];
// Registered when a test file imports this module: hooks that are registered inside another hook never run.
afterAll(async () => {
  for (const app of opened.splice(0)) await app.close();
});

const roles: readonly Role[] = [
  'administrator',
  'engineer',
  'planner',
  'supervisor',
  'technician',
  'operator',
  'viewer',
];

/**
 * A database of two organizations with a small plant each, an employee of every role who is logged in already (without
 * the cost of scrypt), and the whole API on it without a socket. Closed after the file.
 */
export async function createStage(
  engine: TestDatabase['engine'] = 'postgres',
  options: { clock?: Clock; live?: AppOptions['live']; environment?: Record<string, string> } = {},
): Promise<Stage> {
  const database = await createTestDatabase(engine);
  const plant = await createSmallPlant(database, 'millrace');
  const other = await createSmallPlant(database, 'other');
  const employees = {} as Record<Role, number>;
  const tokens = {} as Record<Role, string>;
  for (const role of roles) {
    employees[role] = await addEmployee(database, plant.organization_id, role);
    tokens[role] = (
      await openSession(database, { employee_id: employees[role], organization_id: plant.organization_id })
    ).token;
  }
  const otherId = await addEmployee(database, other.organization_id, 'administrator');
  const otherToken = (await openSession(database, { employee_id: otherId, organization_id: other.organization_id }))
    .token;
  const app = await buildApp({
    settings: readSettings({ LOG_LEVEL: 'silent', ...options.environment }),
    database,
    log: silentLog,
    clock: options.clock ?? now,
    ...(options.live !== undefined && { live: options.live }),
  });
  opened.push(app);

  async function ask(request: InjectOptions): Promise<Answer> {
    const response = await app.inject(request);
    const isJson = String(response.headers['content-type']).includes('json');
    return {
      status: response.statusCode,
      body: isJson && response.payload !== '' ? response.json() : response.payload,
      headers: response.headers,
    };
  }
  return {
    database,
    app,
    plant,
    other,
    employees,
    tokens,
    otherToken,
    ask,
    get: (url, token = tokens.administrator) => ask({ url, headers: { authorization: `Bearer ${token}` } }),
    post: (url, body, token = tokens.administrator) =>
      ask({ method: 'POST', url, headers: { authorization: `Bearer ${token}` }, payload: body as object }),
  };
}

async function addEmployee(database: TestDatabase, organizationId: number, role: Role): Promise<number> {
  const [row] = await database.query<{ employee_id: number }>(
    `insert into employee (organization_id, email, name, role) values ($1, $2, $3, $2) returning employee_id`,
    [organizationId, role, `The ${role}`],
  );
  if (row === undefined) throw new Error(`No employee ${role} was made.`);
  return row.employee_id;
}
