import type { Connection } from '../../core/database.ts';
import type { CountChange } from '../feed/outcome.ts';
import type { Plant } from '../plant.ts';

/** Adds counts to their minutes. The order's text becomes a product here; several unknown texts are one NULL product. */
export async function writeCounts(
  connection: Connection,
  plant: Plant,
  changes: readonly CountChange[],
): Promise<void> {
  if (changes.length === 0) return;
  const machines = changes.map(({ machine }) => plant.machines[machine]);
  await connection.prepared(
    'analytics add counts',
    `insert into production_minute as p
            (organization_id, machine_id, minute, product_id, observed, total_count, good_count, reject_count)
     select c.organization_id, c.machine_id, to_timestamp(c.minute_us / 1e6), product.product_id, c.observed,
            sum(c.total), sum(c.good), sum(c.reject)
       from unnest($1::int[], $2::int[], $3::float8[], $4::int[], $5::bool[], $6::float8[], $7::float8[], $8::float8[])
              as c(organization_id, machine_id, minute_us, order_text, observed, total, good, reject)
       left join text_value t on t.text_value_id = c.order_text and t.organization_id = c.organization_id
       left join product on product.organization_id = c.organization_id and product.code = t.text
      group by 1, 2, 3, 4, 5
     on conflict (machine_id, minute, coalesce(product_id, 0), observed) do update
        set total_count = p.total_count + excluded.total_count,
            good_count = p.good_count + excluded.good_count,
            reject_count = p.reject_count + excluded.reject_count`,
    [
      machines.map((machine) => machine?.organization_id),
      machines.map((machine) => machine?.machine_id),
      changes.map((change) => change.minute_us),
      changes.map((change) => change.order),
      changes.map((change) => change.observed),
      changes.map((change) => change.total),
      changes.map((change) => change.good),
      changes.map((change) => change.reject),
    ],
  );
}
