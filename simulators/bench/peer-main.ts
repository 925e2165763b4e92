import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Transform } from 'node:stream';
import { connect } from 'mqtt';
import { now } from '../../core/clock.ts';
import { openDatabase, type Database } from '../../core/database.ts';
import { silentLog } from '../../core/log.ts';
import { decodePayload } from '../../core/sparkplug/decode-payload.ts';
import { createPayloadColumns } from '../../core/sparkplug/payload-columns.ts';
import type { PeerSetup } from './peers.ts';

// The peers: what people write when they bring MQTT into PostgreSQL by hand. Same broker, same bytes, same table, same
// durability; nothing is journaled and nothing is acknowledged later than MQTT.js does by itself.
const setup = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as PeerSetup;
const database: Database = openDatabase({
  url: setup.database_url,
  name: 'bench peer',
  log: silentLog,
  maxConnections: 10,
});

interface Row {
  time_ms: number;
  signal_id: number;
  value: number;
}

let committed = 0;
let lastCommitMs = 0;
let failure = '';

function done(rows: number): void {
  committed += rows;
  lastCommitMs = now();
}

const lanes = 10;
const ones: Row[] = [];
let taken = 0;
let inFlight = 0;

/**
 * One INSERT a row, ten at a time over the pool's ten connections. They wait here and not in the pool, which gives up on
 * what has waited for a connection for some seconds.
 */
function insertOne(row: Row): void {
  ones.push(row);
  while (inFlight < lanes && taken < ones.length) void insertNext();
}

async function insertNext(): Promise<void> {
  inFlight++;
  for (let row = ones[taken++]; row !== undefined; row = ones[taken++]) {
    await database
      .execute(
        'insert into reading (time, signal_id, value, quality) values (to_timestamp($1::float8 / 1000), $2, $3, 192) on conflict do nothing',
        [row.time_ms, row.signal_id, row.value],
      )
      .then(() => done(1), fail);
  }
  // The look past the end took nothing.
  taken--;
  inFlight--;
}

function fail(error: Error): void {
  failure ||= error.message;
}

const batchRows = 1000;

async function insertValues(rows: readonly Row[]): Promise<void> {
  const places = rows.map(
    (_, index) => `(to_timestamp($${index * 3 + 1}::float8 / 1000), $${index * 3 + 2}, $${index * 3 + 3}, 192)`,
  );
  await database.execute(
    `insert into reading (time, signal_id, value, quality) values ${places.join(', ')} on conflict do nothing`,
    rows.flatMap(({ time_ms, signal_id, value }) => [time_ms, signal_id, value]),
  );
}

async function copyText(rows: readonly Row[]): Promise<void> {
  const text = rows
    .map(({ time_ms, signal_id, value }) => `${new Date(time_ms).toISOString()}\t${signal_id}\t${value}\t192\n`)
    .join('');
  await database.withConnection((connection) =>
    connection.copyIn('copy reading (time, signal_id, value, quality) from stdin', [Buffer.from(text)]),
  );
}

type RowWriter = new () => Transform;
let writerOf: RowWriter | undefined;

/** pg-copy-streams-binary: an object for each field. */
async function copyWithPackage(rows: readonly Row[]): Promise<void> {
  writerOf ??= (
    createRequire(join(setup.packages ?? '', 'index.js'))('pg-copy-streams-binary') as { rowWriter: RowWriter }
  ).rowWriter;
  const make = writerOf as unknown as () => Transform;
  const writer = make();
  const pieces: Buffer[] = [];
  writer.on('data', (piece: Buffer) => pieces.push(piece));
  const ended = new Promise<void>((resolve, reject) => {
    writer.once('end', resolve);
    writer.once('error', reject);
  });
  for (const { time_ms, signal_id, value } of rows) {
    writer.write([
      { type: 'timestamptz', value: new Date(time_ms) },
      { type: 'int4', value: signal_id },
      { type: 'float8', value },
      { type: 'int2', value: 192 },
    ]);
  }
  writer.end();
  await ended;
  await database.withConnection((connection) =>
    connection.copyIn('copy reading (time, signal_id, value, quality) from stdin (format binary)', pieces),
  );
}

const writeBatch = { values: insertValues, text: copyText, package: copyWithPackage }[
  setup.way as 'values' | 'text' | 'package'
] as ((rows: readonly Row[]) => Promise<void>) | undefined;

let waiting: Row[] = [];
let writing = false;

function add(row: Row): void {
  if (writeBatch === undefined) {
    insertOne(row);
    return;
  }
  waiting.push(row);
  if (waiting.length >= batchRows && !writing) void drain();
}

async function drain(): Promise<void> {
  if (writeBatch === undefined || writing) return;
  writing = true;
  while (waiting.length > 0) {
    const rows = waiting.splice(0, batchRows);
    await writeBatch(rows).then(() => done(rows.length), fail);
  }
  writing = false;
}
// The last, smaller batch.
setInterval(() => void drain(), 250).unref();

const topics = new Map(Object.entries(setup.topics));
const columns = createPayloadColumns();

function receiveJson(topic: string, payload: Buffer): void {
  const signalId = topics.get(topic);
  if (signalId === undefined) return;
  const { ts, value } = JSON.parse(payload.toString()) as { ts: number; value: number };
  add({ time_ms: ts, signal_id: signalId, value });
}

/** Aliases count from 1 through the signals of an edge node, so that a DDATA alone says which signal it means. */
function receiveSparkplug(topic: string, payload: Buffer): void {
  const [, , verb, edge = ''] = topic.split('/');
  if (verb !== 'DDATA') return;
  const first = topics.get(edge) ?? 0;
  decodePayload(payload, columns);
  for (let row = 0; row < columns.length; row++) {
    add({
      time_ms: columns.time_ms[row] ?? 0,
      signal_id: setup.signal_ids[first + (columns.alias[row] ?? 0) - 1] ?? 0,
      value: columns.number[row] ?? 0,
    });
  }
}

const client = connect(setup.url, { clean: true, clientId: `bench-peer-${process.pid}`, reconnectPeriod: 0 });
client.on('message', setup.protocol === 'mqtt' ? receiveJson : receiveSparkplug);
client.on('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
await new Promise((resolve) => client.once('connect', resolve));
await client.subscribeAsync('#', { qos: setup.protocol === 'mqtt' ? 1 : 0 });
await database.query('select 1');

process.on('message', () => process.send?.({ committed, last_commit_ms: lastCommitMs, failure }));
process.on('disconnect', () => process.exit(0));
process.once('SIGTERM', () => process.exit(0));
process.send?.({ ready: true });
