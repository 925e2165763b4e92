import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { build } from 'vite';
import { importPlant } from '../../core/plant/import-plant.ts';
import { referencePlant } from '../../core/plant/reference-plant.ts';
import { createTestDatabase, type TestDatabase } from '../../core/testing/database.ts';
import { administrator, type ApiProcess, startApi } from './api-process.ts';
import { launchBrowser } from './browser.ts';
import { writeShift } from './write-plant.ts';

export interface Stage {
  database: TestDatabase;
  organization_id: number;
  url: string;
  /** A tab in a browser profile of its own that is signed in. */
  open(path: string, options?: BrowserContextOptions): Promise<Page>;
  context(options?: BrowserContextOptions): Promise<BrowserContext>;
  /** For afterAll: ends the browser and the API. */
  close(): Promise<void>;
  killApi(): Promise<void>;
  startApi(): Promise<void>;
  /** What a page threw or was refused by its content security policy. A test that caused none expects []. */
  troubles: string[];
}

/** The built page on the real API as a process of its own, a database with the reference plant in a shift, a Chromium. */
export async function createStage(): Promise<Stage> {
  const database = await createTestDatabase();
  const { organization_id } = await importPlant(database, referencePlant(1781));
  await writeShift(database);
  return { ...(await openPage(database)), organization_id };
}

/** The built page on the real API as a process of its own, whatever is in the database, and a Chromium. */
export async function openPage(database: TestDatabase): Promise<Omit<Stage, 'organization_id'>> {
  await build({ root: fileURLToPath(new URL('..', import.meta.url)), logLevel: 'warn' });
  let api: ApiProcess = await startApi(database.url);
  const browser: Browser = await launchBrowser();
  const troubles: string[] = [];
  const { url } = api;

  // One login for all: each costs the server a scrypt, on purpose slow.
  const signedIn = await signIn(browser, url);

  async function context(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    const made = await browser.newContext({
      baseURL: url,
      viewport: { width: 1440, height: 900 },
      // Without a locale Chromium in a C locale reports a language that Intl refuses.
      locale: 'en-GB',
      timezoneId: 'Europe/Berlin',
      storageState: signedIn,
      ...options,
    });
    made.on('weberror', (error) => troubles.push(error.error().message));
    made.on('console', (message) => {
      if (message.text().includes('Content Security Policy')) troubles.push(message.text());
    });
    return made;
  }

  return {
    database,
    url,
    troubles,
    context,
    async open(path, options) {
      const page = await (await context(options)).newPage();
      await page.goto(path);
      return page;
    },
    async close() {
      await browser.close();
      await api.kill();
    },
    killApi: () => api.kill(),
    async startApi() {
      api = await startApi(database.url, Number(new URL(url).port));
    },
  };
}

type Cookies = Awaited<ReturnType<BrowserContext['storageState']>>;

async function signIn(browser: Browser, url: string): Promise<Cookies> {
  const context = await browser.newContext({ baseURL: url, locale: 'en-GB' });
  const answer = await context.request.post('/api/v1/login', { data: administrator });
  if (!answer.ok()) throw new Error(`The administrator could not sign in: ${await answer.text()}`);
  const state = await context.storageState();
  await context.close();
  return state;
}
