import type { Database } from '../../core/database.ts';

/** What a gateway says of itself that costs readings, or will (GatewayStatus in ingest/ledger/heartbeat.ts). */
const troubles = ['disk_failing', 'journal_full', 'dropping', 'journal_damaged'];

/**
 * Raises an alarm (kind gateway) while a gateway says that it drops readings, cannot keep them, or has lost some, and
 * returns it when the gateway says otherwise. It stands at the first machine of the gateway's organization; several
 * gateways share it. A gateway that has fallen silent is not well again. Safe to run in several processes at once.
 * Answers how many gateways are in trouble.
 */
export async function checkGateways(database: Database): Promise<number> {
  return database.withTransaction(async (connection) => {
    const [row] = await connection.query<{ in_trouble: number }>(
      `with trouble as (
         select organization_id, gateway_id, 'Gateway ' || gateway_id || ': ' || (status->>'message') as message,
                (select min(machine_id) from machine m where m.organization_id = g.organization_id) as machine_id
           from gateway g where status->>'status' = any ($1) and organization_id is not null),
       raised as (
         insert into alarm as a (organization_id, machine_id, kind, priority, state, raised_at, message)
         select organization_id, machine_id, 'gateway', 1, 'unacknowledged', now(), string_agg(message, ' ' order by gateway_id)
           from trouble where machine_id is not null group by 1, 2
         on conflict (machine_id, coalesce(signal_id, 0), kind) where returned_at is null do update
            set message = excluded.message where a.message is distinct from excluded.message
         returning 1)
       select count(*) as in_trouble from trouble`,
      [troubles],
    );
    await connection.execute(
      `update alarm a set returned_at = now(),
              state = case state when 'unacknowledged' then 'returned_unacknowledged' when 'acknowledged' then 'normal' else state end
        where kind = 'gateway' and returned_at is null
          and not exists (select from gateway g
                           where g.organization_id = a.organization_id and g.status->>'status' = any ($1))`,
      [troubles],
    );
    return row?.in_trouble ?? 0;
  });
}
