import type { Database } from '../../core/database.ts';

/** How far back the sweep looks; the API's page adds up 31 days whenever it is asked. */
const lookBackDays = 2;

/**
 * Compares both sides of the books of each source, and raises an alarm (kind ledger) where they differ: readings were
 * lost, counted twice, or somebody changed the books. Alarms stand at machines, so this one stands at the first machine
 * of the source's line, or of the organization where the source names no line; sources of one line share it. It returns
 * when the books balance again. Safe to run in several processes at once. Answers how many sources do not balance.
 */
export async function checkBooks(database: Database): Promise<number> {
  return database.withTransaction(async (connection) => {
    const [row] = await connection.query<{ unbalanced: number }>(
      `with sums as (
         select organization_id, source_id, sum(received) as received,
                sum(received) - sum(stored + duplicate + rejected + parked + dropped) as difference,
                bool_or(received <> stored + duplicate + rejected + parked + dropped) as is_off
           from ledger where minute >= date_trunc('minute', now()) - make_interval(days => $1) group by 1, 2),
       off as (
         select s.organization_id, s.difference, s.received, source.name,
                (select machine_id from machine m left join line l using (line_id)
                  where m.organization_id = s.organization_id
                  order by (l.name = any (string_to_array(source.name, '/'))) desc nulls last, m.machine_id limit 1) as machine_id
           from sums s join source using (source_id) where s.is_off),
       raised as (
         insert into alarm as a (organization_id, machine_id, kind, priority, state, raised_at, value, peak_value, message)
         select organization_id, machine_id, 'ledger', 1, 'unacknowledged', now(), sum(abs(difference)), sum(abs(difference)),
                'The books do not balance: ' || string_agg(
                  case when difference > 0 then difference || ' of ' || received || ' readings received from ' || name || ' have no end'
                       when difference < 0 then name || ' has ' || -difference || ' readings more ended than received'
                       else 'minutes of ' || name || ' differ from each other' end, '; ' order by name) || '.'
           from off where machine_id is not null group by 1, 2
         on conflict (machine_id, coalesce(signal_id, 0), kind) where returned_at is null do update
            set value = excluded.value, peak_value = greatest(a.peak_value, excluded.peak_value), message = excluded.message
          where a.message is distinct from excluded.message
         returning 1)
       select count(*) as unbalanced from off`,
      [lookBackDays],
    );
    await connection.execute(
      `update alarm a set returned_at = now(),
              state = case state when 'unacknowledged' then 'returned_unacknowledged' when 'acknowledged' then 'normal' else state end
        where kind = 'ledger' and returned_at is null
          and not exists (select from ledger l
                           where l.organization_id = a.organization_id
                             and l.minute >= date_trunc('minute', now()) - make_interval(days => $1)
                             and l.received <> l.stored + l.duplicate + l.rejected + l.parked + l.dropped)`,
      [lookBackDays],
    );
    return row?.unbalanced ?? 0;
  });
}
