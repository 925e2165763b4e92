import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { z } from 'zod';

/** A setting that cannot be used. The message names the setting, its value and what is accepted. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

const size = z
  .string()
  .regex(/^\d+(\.\d+)?(KB|MB|GB)$/i)
  .transform((text) => {
    const unit = { KB: 1e3, MB: 1e6, GB: 1e9 }[text.slice(-2).toUpperCase()] ?? 1;
    return Math.round(Number(text.slice(0, -2)) * unit);
  });
/** A setting that is a whole number: its schema, and in words what is accepted, with the limits of the schema. */
const wholeNumber = (range: { least: number; most: number; standard: number; of?: string; note?: string }) => {
  const schema = z
    .string()
    .regex(/^\d+$/)
    .transform(Number)
    .refine((value) => value >= range.least && value <= range.most)
    .default(range.standard);
  const accepted = `a whole number${range.of === undefined ? '' : ` of ${range.of}`} from ${range.least} to ${range.most}${range.note ?? ''}`;
  return [schema, accepted] as const;
};
const url = (...schemes: string[]) =>
  z.string().refine((text) => URL.canParse(text) && schemes.includes(new URL(text).protocol.slice(0, -1)));
const opcuaPolicy = z.enum(['None', 'Basic256Sha256', 'Aes128_Sha256_RsaOaep', 'Aes256_Sha256_RsaPss']);
const listOf = (item: z.ZodType<string, string>) =>
  z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .pipe(z.array(item));
/** `10.0.0.1` or `10.0.0.0/8`, and the same of IPv6. */
const addressRange = z.string().refine((text) => {
  const [address = '', bits, ...rest] = text.split('/');
  const most = { 4: 32, 6: 128 }[isIP(address)];
  return (
    most !== undefined && rest.length === 0 && (bits === undefined || (/^\d+$/.test(bits) && Number(bits) <= most))
  );
});
/** Strict, so that a misspelt name is not a missing protection; a password only by file, because this is shown. */
const opcuaServer = z.strictObject({
  security: opcuaPolicy.optional(),
  security_mode: z.enum(['SignAndEncrypt', 'Sign']).optional(),
  user: z.string().min(1).optional(),
  password_file: z.string().min(1).optional(),
  user_certificate: z.string().min(1).optional(),
  user_key: z.string().min(1).optional(),
});

/**
 * Every setting: how it is read, its default, and what is accepted in words. A setting can also be given by file:
 * `DATABASE_URL_FILE=/run/secrets/database_url` reads the first line of that file, so that a secret need not stand in
 * the environment.
 */
const definitions = {
  DATABASE_URL: [url('postgres', 'postgresql').optional(), 'a postgres:// URL'],
  REDIS_URL: [url('redis', 'rediss').optional(), 'a redis:// or rediss:// URL'],
  MQTT_URL: [url('mqtt', 'mqtts').optional(), 'an mqtt:// or mqtts:// URL'],
  OPCUA_URLS: [listOf(url('opc.tcp')).optional(), 'opc.tcp:// URLs separated by commas'],
  HTTP_HOST: [z.string().min(1).default('127.0.0.1'), 'an address to listen on'],
  HTTP_PORT: wholeNumber({ least: 0, most: 65_535, standard: 8080, note: ' (0: any free port)' }),
  /** Whose X-Forwarded-For and X-Forwarded-Proto say who asks and how; nobody's without it, since anybody can send them. */
  TRUST_PROXY: [
    listOf(addressRange).optional(),
    'addresses or ranges of the proxies in front of the API, separated by commas, such as 10.0.0.1,172.16.0.0/12',
  ],
  DATA_DIR: [
    z
      .string()
      .min(1)
      .default('.data')
      .transform((path) => resolve(path)),
    'a directory',
  ],
  SIMULATE: [z.enum(['on', 'off']).default('on'), 'on or off'],
  SIMULATE_MESS: [
    z
      .string()
      .regex(/^(none|((late|missing|duplicate|out_of_order|stuck|wrong_unit)=(0|1|0?\.\d+)(,(?=.)|$))+)$/)
      .default('late=0.0002,missing=0.0001,duplicate=0.0002,out_of_order=0.0002'),
    'none, or chances from 0 to 1 such as late=0.01,missing=0.001,duplicate=0.002,out_of_order=0.001,stuck=0.0001,wrong_unit=0.0001',
  ],
  SIMULATE_SEED: wholeNumber({ least: 0, most: 2 ** 31, standard: 1781 }),
  SIMULATE_SPEED: wholeNumber({ least: 1, most: 100_000, standard: 1, note: ': how many times faster than real time' }),
  ADMIN_EMAIL: [z.email().default('admin@millrace.local'), 'an e-mail address'],
  ADMIN_PASSWORD: [z.string().min(8).optional(), 'a password of at least 8 characters'],
  LOG_LEVEL: [
    z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
    'fatal, error, warn, info, debug, trace or silent',
  ],
  STORAGE: [z.enum(['auto', 'timescale', 'postgres']).default('auto'), 'auto, timescale or postgres'],
  ENTERPRISE: [
    z
      .string()
      .regex(/^[^/+#\s-]+$/)
      .default('millrace'),
    'a name without spaces, "-", "/", "+" or "#"',
  ],
  GATEWAY_ID: wholeNumber({ least: 1, most: 32_767, standard: 1, note: ', different for each gateway' }),
  MQTT_CLIENT_ID: [
    z.string().min(1).max(64).default('millrace-ingest'),
    'a name of 1 to 64 characters, stable over restarts',
  ],
  MQTT_VERSION: [z.enum(['auto', '3.1.1', '5']).default('auto'), 'auto, 3.1.1 or 5'],
  SPARKPLUG_HOST_ID: [
    z
      .string()
      .regex(/^[^/+#\s]+$/)
      .default('millrace'),
    'a name without spaces, "/", "+" or "#"',
  ],
  SPARKPLUG_REORDER_MS: wholeNumber({
    least: 0,
    most: 600_000,
    standard: 2000,
    of: 'milliseconds',
    note: ': how long a gap in the sequence may stay open before it counts as lost',
  }),
  SPARKPLUG_REBIRTH_MS: wholeNumber({
    least: 100,
    most: 3_600_000,
    standard: 5000,
    of: 'milliseconds',
    note: ': the least time between two rebirth requests to one edge node',
  }),
  OPCUA_SECURITY: [opcuaPolicy.default('None'), 'None, Basic256Sha256, Aes128_Sha256_RsaOaep or Aes256_Sha256_RsaPss'],
  OPCUA_SECURITY_MODE: [z.enum(['SignAndEncrypt', 'Sign']).default('SignAndEncrypt'), 'SignAndEncrypt or Sign'],
  OPCUA_USER: [z.string().min(1).optional(), 'a user name'],
  OPCUA_PASSWORD: [z.string().min(1).optional(), 'a password'],
  OPCUA_USER_CERTIFICATE: [z.string().min(1).optional(), 'a file with a certificate (PEM or DER) to log in with'],
  OPCUA_USER_KEY: [z.string().min(1).optional(), 'a file with the private key of OPCUA_USER_CERTIFICATE'],
  /** What is different for single servers; what a server leaves out is as the settings above say. */
  OPCUA_SERVERS: [
    z
      .string()
      .transform((text, context) => {
        try {
          return JSON.parse(text) as unknown;
        } catch {
          context.addIssue('no JSON');
          return z.NEVER;
        }
      })
      .pipe(z.record(url('opc.tcp'), opcuaServer))
      .optional(),
    'JSON such as {"opc.tcp://press:4840": {"security": "Basic256Sha256", "security_mode": "Sign", "user": "millrace", "password_file": "press.txt"}}; also user_certificate and user_key, names of files',
  ],
  OPCUA_OUTAGE_SECONDS: wholeNumber({
    least: 1,
    most: 86_400,
    standard: 300,
    of: 'seconds',
    note: ': the longest outage that the servers are asked to bridge with their queues',
  }),
  OPCUA_PUBLISHING_MS: wholeNumber({
    least: 10,
    most: 60_000,
    standard: 500,
    of: 'milliseconds',
    note: ' between publications',
  }),
  FLUSH_ROWS: wholeNumber({ least: 1, most: 1_000_000, standard: 20_000, of: 'readings' }),
  FLUSH_MS: wholeNumber({ least: 1, most: 60_000, standard: 250, of: 'milliseconds' }),
  FAR_FUTURE_HOURS: wholeNumber({ least: 0, most: 87_600, standard: 24, of: 'hours' }),
  JOURNAL_MAX_SIZE: [size.prefault('4GB'), 'a size such as 500MB or 4GB'],
  JOURNAL_MAX_AGE: wholeNumber({
    least: 0,
    most: 87_600,
    standard: 0,
    of: 'hours',
    note: ': how long readings may wait in the journal before it counts as full; 0 for ever',
  }),
  JOURNAL_WHEN_FULL: [
    z.enum(['stop', 'drop-oldest', 'drop-newest']).default('stop'),
    'stop, drop-oldest or drop-newest',
  ],
  DISK_MIN_FREE: [size.prefault('500MB'), 'a size such as 500MB or 4GB'],
  /** A TimescaleDB server on which the bench may create databases. */
  BENCH_TIMESCALE_URL: [url('postgres', 'postgresql').optional(), 'a postgres:// URL'],
  RAW_RETENTION_DAYS: wholeNumber({ least: 1, most: 36_500, standard: 90, of: 'days' }),
  PARKED_MAX_READINGS: wholeNumber({ least: 0, most: 1_000_000_000, standard: 1_000_000, of: 'readings' }),
} as const satisfies Record<string, readonly [z.ZodType, string]>;

export type Settings = { readonly [Name in keyof typeof definitions]: z.output<(typeof definitions)[Name][0]> };
export type SettingName = keyof Settings;

/**
 * Reads and checks all settings without touching the network. This is the only place that reads the environment.
 * Throws a SettingsError that lists every wrong setting at once.
 */
export function readSettings(environment: Record<string, string | undefined> = process.env): Settings {
  const wrong: string[] = [];
  const settings: Record<string, unknown> = {};
  for (const [name, [schema, accepted]] of Object.entries(definitions)) {
    const text = readText(name, environment, wrong);
    const parsed = schema.safeParse(text);
    if (parsed.success) settings[name] = parsed.data;
    else wrong.push(`${name} is ${show(name, text)}; accepted is ${accepted}.`);
  }
  if (wrong.length > 0) throw new SettingsError(wrong.join('\n'));
  return Object.freeze(settings) as Settings;
}

/** A setting that a room cannot work without, or a SettingsError that says so. */
export function requireSetting<Name extends SettingName>(settings: Settings, name: Name): NonNullable<Settings[Name]> {
  const value = settings[name];
  if (value === undefined) throw new SettingsError(`${name} is not set; accepted is ${definitions[name][1]}.`);
  return value as NonNullable<Settings[Name]>;
}

/**
 * What every process of Millrace is started with. V8's young generation grows to 134 MB while a room starts and is never
 * given back: ingest stood at 299 MB with 5 MB of it in use. V8 reads this once, before the first line of a program.
 */
export const nodeOptions = '--max-semi-space-size=4';

/** The environment for child processes: everything of this process, changed by `changes`. */
export function environmentWith(changes: Record<string, string>): Record<string, string | undefined> {
  return { NODE_OPTIONS: nodeOptions, ...process.env, ...changes };
}

function readText(name: string, environment: Record<string, string | undefined>, wrong: string[]): string | undefined {
  const file = environment[`${name}_FILE`];
  if (file === undefined || file === '') return environment[name] === '' ? undefined : environment[name];
  try {
    return readFileSync(file, 'utf8').split('\n', 1)[0]?.trim();
  } catch (error) {
    wrong.push(`${name}_FILE is "${file}" and cannot be read: ${(error as Error).message}.`);
    return undefined;
  }
}

function show(name: string, text: string | undefined): string {
  if (text === undefined) return 'not set';
  if (name.includes('PASSWORD')) return `${text.length} characters long`;
  // A URL may carry a password, and this sentence ends in logs.
  return `"${text.replace(/:\/\/([^:@/]*):[^@/]*@/, '://$1:***@').replaceAll(/("password"\s*:\s*")[^"]*/g, '$1***')}"`;
}
