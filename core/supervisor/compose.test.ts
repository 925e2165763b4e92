import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { describe, expect, test } from 'vitest';
import { nodeOptions, readSettings } from '../settings.ts';

// No container engine is needed: the files are parsed and held to what docs/production.md promises.
const root = join(import.meta.dirname, '../..');

interface Service {
  image?: string;
  build?: string;
  user?: string;
  restart?: string;
  command?: string[];
  environment?: Record<string, string>;
  secrets?: string[];
  volumes?: string[];
  ports?: string[];
  healthcheck?: { test: string[] };
  depends_on?: Record<string, { condition: string }>;
  deploy?: { resources?: { limits?: { cpus?: string; memory?: string } } };
}
const compose = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
  services: Record<string, Service>;
  secrets: Record<string, { file: string }>;
  volumes: Record<string, unknown>;
  configs: Record<string, { content: string }>;
};
const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8');
const services = Object.entries(compose.services);

/** A size as Docker writes it: 512m, 2g. */
const bytesOf = (size: string): number => Number.parseInt(size) * (size.endsWith('g') ? 2 ** 30 : 2 ** 20);

describe('docker-compose.yml', () => {
  test.each(services)('%s is pinned, limited, restarted and not root', (_name, service) => {
    expect(service.image).toMatch(/:\d+\.\d+\.\d+(-[a-z0-9]+)?$/);
    expect(service.user).toBeDefined();
    expect(service.user).not.toMatch(/^(root|0)\b/);
    expect(service.restart).toMatch(/^(unless-stopped|on-failure)$/);
    expect(service.deploy?.resources?.limits?.memory).toMatch(/^\d+[mg]$/);
    expect(service.deploy?.resources?.limits?.cpus).toBeDefined();
  });

  test.each(services.filter(([name]) => name !== 'migrate'))('%s has a health check', (_name, service) => {
    expect(service.healthcheck?.test.length).toBeGreaterThan(1);
  });

  test.each(services)('%s names only secrets, volumes and services that exist', (_name, service) => {
    for (const secret of service.secrets ?? []) expect(Object.keys(compose.secrets)).toContain(secret);
    for (const volume of service.volumes ?? []) expect(Object.keys(compose.volumes)).toContain(volume.split(':')[0]);
    for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
      expect(Object.keys(compose.services)).toContain(other);
      const needs = condition === 'service_healthy' ? compose.services[other]?.healthcheck : other === 'migrate';
      expect(needs, `${other} must be able to reach ${condition}`).toBeTruthy();
    }
  });

  test('no secret stands in the environment, and every port is bound to this machine unless told otherwise', () => {
    for (const [name, service] of services) {
      const environment = Object.entries(service.environment ?? {});
      const secret = environment.filter(([setting]) => /PASSWORD|DATABASE_URL|REDIS_URL/.test(setting));
      for (const [setting] of secret) expect(`${name} ${setting}`).toMatch(/_FILE$/);
      const files = environment.filter(([setting]) => setting.endsWith('_FILE'));
      for (const [setting, value] of files)
        expect([...(service.secrets ?? []), `\${${setting}:-}`]).toContain(value.replace('/run/secrets/', ''));
      for (const port of service.ports ?? []) expect(port).toMatch(/^\$\{[A-Z_]+:-127\.0\.0\.1\}:/);
    }
  });

  test('the settings of our own services are settings that Millrace knows, with values that it accepts', () => {
    for (const name of ['migrate', 'ingest', 'analytics', 'api']) {
      const environment = Object.entries(compose.services[name]?.environment ?? {})
        .filter(([setting]) => !setting.endsWith('_FILE'))
        .map(([setting, value]) => [setting, value.replace(/^\$\{[A-Z_]+:-(.*)\}$/, '$1')]);
      const settings = readSettings(Object.fromEntries(environment) as Record<string, string>);
      for (const [setting] of environment) expect(Object.keys(settings), `${name} ${setting}`).toContain(setting);
    }
  });

  test('what depends on the plant can be chosen in the environment, and defaults to what Millrace does by itself', () => {
    const chosen = (name: string): string[] => Object.keys(compose.services[name]?.environment ?? {});
    for (const name of ['migrate', 'ingest', 'analytics', 'api'])
      expect(chosen(name)).toEqual(expect.arrayContaining(['ENTERPRISE', 'RAW_RETENTION_DAYS', 'LOG_LEVEL']));
    const unset = readSettings({});
    const ofGateway = Object.keys(unset).filter((setting) => /^(OPCUA_|GATEWAY_ID|SPARKPLUG_HOST_ID)/.test(setting));
    expect(chosen('ingest').map((setting) => setting.replace('_FILE', ''))).toEqual(expect.arrayContaining(ofGateway));
    for (const [, { environment = {} }] of services) {
      for (const [setting, value] of Object.entries(environment)) {
        const [, variable, ours] = /^\$\{(\w+):-(.*)\}$/.exec(value) ?? [];
        if (ours === undefined) continue;
        expect(variable).toBe(setting);
        expect(readSettings({ [setting]: ours })).toEqual(unset);
      }
    }
  });

  test('our own services, and the commands of docs/production.md, run files that exist', () => {
    const page = readFileSync(join(root, 'docs/production.md'), 'utf8');
    const commands = [...page.matchAll(/docker compose (?:run|exec) .*?(\S+) node (\S+\.ts)/g)];
    expect(commands.length).toBeGreaterThan(3);
    for (const [, service = '', file = ''] of commands) {
      expect(Object.keys(compose.services)).toContain(service);
      expect(readFileSync(join(root, file), 'utf8').length).toBeGreaterThan(0);
    }
    for (const [, service] of services) {
      if (service.build === undefined) continue;
      const file = service.command?.[1] ?? '';
      expect(readFileSync(join(root, file), 'utf8').length).toBeGreaterThan(0);
    }
  });

  test('nothing drops by default: the broker keeps sessions whole, the queue never evicts, commits are synchronous', () => {
    const mosquitto = compose.configs['mosquitto']?.content ?? '';
    const limit = (name: string): number => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(mosquitto)?.[1]);
    const minutesOfPlant = limit('max_queued_messages') / 1781 / 60;
    expect(minutesOfPlant).toBeGreaterThan(25);
    // Killed for want of memory it would forget everything that it keeps. 400 bytes a message: measured.
    const kept = limit('max_queued_messages') * 400 + limit('max_queued_bytes');
    expect(kept).toBeLessThan(bytesOf(compose.services['broker']?.deploy?.resources?.limits?.memory ?? '') * 0.85);
    expect(mosquitto).toContain('persistence true');
    expect(mosquitto).toContain('autosave_on_changes true');
    const queue = compose.services['queue']?.command?.join(' ') ?? '';
    expect(queue).toContain('--maxmemory-policy noeviction');
    expect(queue).toContain('--appendonly yes');
    expect(compose.services['database']?.command).toContain('-csynchronous_commit=on');
  });
});

describe('Dockerfile', () => {
  test('runs the same Node as the tests, not as root, and copies every room', () => {
    const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      devDependencies: Record<string, string>;
    };
    const images = [...dockerfile.matchAll(/^FROM node:(\S+?)-/gm)].map((match) => match[1]);
    expect(images).toEqual([devDependencies['node'], devDependencies['node']]);
    expect(
      dockerfile
        .trim()
        .split('\n')
        .findLastIndex((line) => line.startsWith('USER node')),
    ).toBeGreaterThan(
      dockerfile
        .trim()
        .split('\n')
        .findLastIndex((line) => line.startsWith('RUN')),
    );
    for (const room of ['core', 'ingest', 'analytics', 'api', 'migrations'])
      expect(dockerfile).toContain(`COPY ${room} ${room}`);
  });

  test('gives each room the memory options that `npm start` gives it, and so do the scripts', () => {
    expect(dockerfile).toContain(`NODE_OPTIONS=${nodeOptions}`);
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    for (const room of ['ingest', 'analytics', 'api'])
      expect(scripts[`start:${room}`]).toBe(`node ${nodeOptions} ${room}/main.ts`);
  });
});
