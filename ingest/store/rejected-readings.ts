import type { Connection } from '../../core/database.ts';
import type { Batch } from './batch.ts';
import { epochTime, numberArray, timeArray } from './sql-arrays.ts';

/** Keeps what was rejected, with its reason and bytes, and counts it in the batch's books. `sourceId` answers a part's source row. */
export async function keepRejected(
  connection: Connection,
  organizationId: number,
  batch: Batch,
  sourceId: (part: Batch['parts'][number]) => number,
): Promise<void> {
  const { rejected } = batch;
  if (rejected.length === 0) return;
  await connection.execute(
    `insert into rejected_reading (organization_id, source_id, received_at, address, reason, detail, signal_id, time, value, payload, quality, payload_cut, readings)
     select $1, r.source_id, ${epochTime('r.received_us')}, r.address, r.reason, r.detail, r.signal_id, ${epochTime('r.time_us')}, r.value, r.payload, r.quality, r.payload_cut, r.readings
       from unnest($2::int4[], $3::int8[], $4::text[], $5::text[], $6::text[], $7::int4[], $8::int8[], $9::float8[], $10::bytea[], $11::int2[], $12::bool[], $13::int4[])
            as r(source_id, received_us, address, reason, detail, signal_id, time_us, value, payload, quality, payload_cut, readings)`,
    [
      organizationId,
      numberArray(rejected.map(({ part }) => sourceId(part))),
      timeArray(rejected.map(({ received_at_ms }) => received_at_ms * 1000)),
      rejected.map(({ reading }) => reading.address),
      rejected.map(({ reading }) => reading.reason),
      rejected.map(({ reading }) => reading.detail),
      numberArray(rejected.map(({ reading }) => reading.signal_id)),
      timeArray(rejected.map(({ reading }) => reading.time_us)),
      numberArray(rejected.map(({ reading }) => reading.value)),
      rejected.map(({ reading }) => reading.payload),
      rejected.map(({ reading }) => reading.quality ?? null),
      rejected.map(({ reading }) => reading.cut === true),
      rejected.map(({ reading }) => reading.readings),
    ],
  );
}
