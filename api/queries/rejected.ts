import { isUtf8 } from 'node:buffer';
import type { Connection } from '../../core/database.ts';
import { decodeCursor, toPage } from '../cursor.ts';
import type { RejectedReading } from '../schemas/ledger.ts';
import { conditions, type Conditions, toFinite, toRfc3339, toRfc3339OrNull } from './row.ts';

/** Why a rejected reading cannot be tried once more, in one word of `obstacles`; null when it can. */
const obstacle = `
  case when r.resolved_at is not null then 'resolved'
       when r.readings > 1 then 'several'
       when r.reason in ('conflict', 'wrong_topic', 'too_large', 'ignored_address', 'parked_full', 'retained_untimed') then 'reason'
       when s.protocol = 'mqtt' and r.payload is not null and not r.payload_cut then null
       -- A value that was read: in its column, or as a JSON scalar in the payload (ingest/resolve/kept-value.ts).
       when r.quality is not null and r.time is not null and (r.value is not null
            or not r.payload_cut and encode(substr(r.payload, 1, 8), 'escape') ~ '^([-"0-9]|null$|true$|false$)') then null
       when r.reason = 'before_birth' then 'alias'
       when r.reason = 'unsupported_type' then 'type'
       when r.payload is not null and not r.payload_cut then 'bytes'
       else 'lost' end`;

const obstacles: Record<string, string> = {
  resolved: 'It was taken in by an earlier replay.',
  several: 'It stands for several readings that were not kept one by one.',
  reason: 'What was rejected for this reason stays rejected, whatever is put right.',
  alias:
    'It came as an alias, or with a value that cannot be told without its datatype; no birth certificate had announced it.',
  type: 'It is an array or a structure, of which no single value can be stored.',
  bytes: 'Its bytes are kept, but what they mean cannot be told without the messages around them.',
  lost: 'Neither its message nor its value was kept whole.',
};

/**
 * Asks ingest to try a rejected reading once more, in the caller's transaction. Answers undefined when there is none, a
 * sentence when it cannot be replayed, and null when it was asked for.
 */
export async function requestReplay(connection: Connection, id: number): Promise<string | null | undefined> {
  const [found] = await connection.query<{ obstacle: string | null }>(
    `select ${obstacle} as obstacle from rejected_reading r join source s using (source_id) where rejected_reading_id = $1`,
    [id],
  );
  if (found === undefined) return undefined;
  if (found.obstacle !== null) return obstacles[found.obstacle] ?? found.obstacle;
  const where = conditions();
  where.add('r.rejected_reading_id = ?', id);
  await markForReplay(connection, where);
  return null;
}

/** The same for all that can be replayed of a reason, a source, or both. Answers how many were asked for. */
export async function requestReplays(
  connection: Connection,
  wanted: { reason?: string | undefined; source?: number | undefined },
): Promise<number> {
  const where = conditions();
  where.add('r.reason = ?', wanted.reason);
  where.add('r.source_id = ?', wanted.source);
  return markForReplay(connection, where);
}

async function markForReplay(connection: Connection, where: Conditions): Promise<number> {
  where.add(`(${obstacle}) is null`, true);
  const requested = await connection.execute(
    `update rejected_reading u set replay_requested_at = now()
       from rejected_reading r join source s using (source_id)
       ${where.toSql()} and u.rejected_reading_id = r.rejected_reading_id`,
    where.parameters,
  );
  await connection.query("select pg_notify('rejected_replay', '')");
  return requested;
}

type Row = Omit<RejectedReading, 'payload' | 'payload_encoding' | 'not_replayable'> & {
  payload: Buffer | null;
  obstacle: string | null;
};

/** How much of a rejected payload a list shows; the whole stands in the table. */
const shownCharacters = 1000;

/** Rejected readings with the reason and the bytes as they came, newest first. */
export async function listRejected(
  connection: Connection,
  query: {
    limit: number;
    cursor?: string | undefined;
    source?: number | undefined;
    reason?: string | undefined;
    resolved?: 'true' | 'false' | undefined;
    from?: string | undefined;
    to?: string | undefined;
  },
): Promise<{ items: RejectedReading[]; next: string | null }> {
  const where = conditions();
  where.add('r.source_id = ?', query.source);
  where.add('r.reason = ?', query.reason);
  where.add('r.received_at >= ?', query.from);
  where.add('r.received_at < ?', query.to);
  if (query.resolved !== undefined)
    where.add(`r.resolved_at is ${query.resolved === 'true' ? 'not null' : 'null'}`, true);
  const after = decodeCursor(query.cursor, 'rejected', ['time', 'number']);
  if (after !== undefined) {
    where.add(
      `(r.received_at, r.rejected_reading_id) < (${after.map((part) => where.parameter(part)).join(', ')})`,
      true,
    );
  }
  const rows = await connection.query<Row>(
    `select r.rejected_reading_id, r.source_id, s.name as source_name, s.protocol, r.received_at, r.address, r.reason, r.detail,
            r.signal_id, r.time, r.value, substr(r.payload, 1, ${shownCharacters}) as payload, length(r.payload) as payload_bytes, r.resolved_at,
            ${obstacle} as obstacle
       from rejected_reading r join source s using (source_id) ${where.toSql()}
      order by r.received_at desc, r.rejected_reading_id desc limit ${where.parameter(query.limit + 1)}`,
    where.parameters,
  );
  const page = toPage(rows, query.limit, 'rejected', (row) => [row.received_at, row.rejected_reading_id]);
  return { items: page.items.map(toRejected), next: page.next };
}

function toRejected({ payload, obstacle: hindrance, ...row }: Row): RejectedReading {
  const text = payload === null ? undefined : readUtf8(payload, payload.length < (row.payload_bytes ?? 0));
  return {
    ...row,
    received_at: toRfc3339(row.received_at),
    time: toRfc3339OrNull(row.time),
    resolved_at: toRfc3339OrNull(row.resolved_at),
    not_replayable: hindrance === null ? null : (obstacles[hindrance] ?? hindrance),
    value: toFinite(row.value),
    payload: payload === null ? null : (text ?? payload.subarray(0, shownCharacters / 2).toString('hex')),
    payload_encoding: payload === null ? null : text === undefined ? 'hex' : 'utf8',
  };
}

/** The text of the bytes, or undefined where they are none. A cut may have fallen inside a character: up to three bytes. */
function readUtf8(bytes: Buffer, isCut: boolean): string | undefined {
  for (let dropped = 0; dropped <= (isCut ? 3 : 0); dropped++) {
    const part = bytes.subarray(0, bytes.length - dropped);
    if (isUtf8(part)) return part.toString('utf8');
  }
  return undefined;
}
