import type { Database } from '../../../core/database.ts';
import type { Checksum } from './publisher.ts';

const asText = "signal_id || '|' || (extract(epoch from time) * 1000000)::int8 || '|' || value";

/** Marks of staleness are the host's own and no readings of a sender; they alone have no value here. */
const isSent = 'value is not null';

/** The publisher's checksum over what the database holds. */
export async function storedChecksum(database: Database): Promise<Checksum> {
  const [row] = await database.query<Checksum>(
    `select count(*) as readings, coalesce(sum(('x' || substr(md5(${asText}), 1, 8))::bit(32)::int8), 0) as sum from reading where ${isSent}`,
  );
  return row ?? { readings: 0, sum: 0 };
}

/** Every stored reading as the publisher writes it, as often as it stands there. */
export async function storedReadings(database: Database): Promise<string[]> {
  const rows = await database.query<{ reading: string }>(`select ${asText} as reading from reading where ${isSent}`);
  return rows.map(({ reading }) => reading);
}

export interface Books {
  received: number;
  /** stored + duplicate + rejected + parked + dropped. */
  ended: number;
  stored: number;
  duplicate: number;
  rejected: number;
  parked: number;
  /** Rows in the feed. */
  fed: number;
  /** Messages or readings that are known never to have arrived. */
  lost_upstream: number;
  /** Marks of staleness among what is stored and fed. */
  marks: number;
}

/** The books over all sources, and what the feed holds. */
export async function readBooks(database: Database): Promise<Books> {
  const [row] = await database.query<Books>(
    `select coalesce(sum(received), 0)::int8 as received, coalesce(sum(stored + duplicate + rejected + parked + dropped), 0)::int8 as ended,
            coalesce(sum(stored), 0)::int8 as stored, coalesce(sum(duplicate), 0)::int8 as duplicate, coalesce(sum(rejected), 0)::int8 as rejected,
            coalesce(sum(parked), 0)::int8 as parked, (select coalesce(sum(readings), 0)::int8 from reading_batch) as fed,
            coalesce(sum(lost_upstream), 0)::int8 as lost_upstream, (select count(*)::int8 from reading where not (${isSent})) as marks
       from ledger`,
  );
  if (row === undefined) throw new Error('A sum has no row.');
  return row;
}
