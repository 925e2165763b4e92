import type { Database } from '../../core/database.ts';

/** Nothing heard for this long is an alarm; the state shows no_data much earlier. */
export const staleMinutes = 5;
/** It tells people to look at a gateway or a cable; nothing is known of the machine itself. */
const stalePriority = 3;

/**
 * Raises a `stale` alarm for each machine that was heard once and has been silent for more than five minutes, and returns
 * it when the machine is heard again. When every machine of a line is silent, it is the line's gateway or network, and
 * one alarm says so, on its first machine (by position). How long a machine is silent is judged as its states are, by
 * arrival up to what the follower has taken (`machine_progress`), so analytics that lags behind or was away raises none.
 * Call it as often as you like; answers how many alarms it raised.
 */
export async function watchSilence(database: Database): Promise<number> {
  await database.query(
    `update alarm a set returned_at = greatest(p.heard_at, a.raised_at),
            state = case a.state when 'unacknowledged' then 'returned_unacknowledged' when 'acknowledged' then 'normal' else a.state end
       from machine_progress p
      where a.kind = 'stale' and a.returned_at is null and p.machine_id = a.machine_id
        and p.known_to - p.heard_at <= $1::int * interval '1 minute'`,
    [staleMinutes],
  );
  // Until then it says what is true of its line now: another machine may have been heard again, or fallen silent as well.
  await database.query(
    `${machineSilence}
     update alarm a set message = case when s.line_stale then ${lineMessage} else ${machineMessage} end
       from machine_silence s
      where a.machine_id = s.machine_id and a.kind = 'stale' and a.returned_at is null and s.place = 1 and (s.line_stale or not s.line_silent)
        and a.message <> case when s.line_stale then ${lineMessage} else ${machineMessage} end`,
    [staleMinutes],
  );
  return database.execute(
    `${machineSilence}
     insert into alarm (organization_id, machine_id, kind, priority, state, raised_at, message)
     select organization_id, machine_id, 'stale', $2, 'unacknowledged', heard_at,
            case when line_stale then ${lineMessage} else ${machineMessage} end
       from machine_silence s
      where stale and (place = 1 or not line_silent)
     on conflict do nothing`,
    [staleMinutes, stalePriority],
  );
}

/** How long each machine is silent ($1: minutes that are too long), and its line; a line of one machine is just that machine. */
const machineSilence = `with silence as (
       select m.organization_id, m.machine_id, m.line_id, m.name, m.position, l.name as line, p.heard_at, p.known_to > p.heard_at as silent,
              p.known_to - p.heard_at > $1::int * interval '1 minute' as stale
         from machine_progress p join machine m using (machine_id) join line l using (line_id))
     , machine_silence as (
       select *, count(*) over of_line as heard_of, row_number() over (of_line order by position, machine_id) as place,
              bool_and(silent) over of_line and count(*) over of_line > 1 as line_silent,
              bool_and(stale) over of_line and count(*) over of_line > 1 as line_stale
         from silence window of_line as (partition by line_id))`;
const lineMessage = `'Nothing has been heard from any of the ' || s.heard_of || ' machines of ' || s.line || ' for more than ' || $1::int || ' minutes.'`;
const machineMessage = `'Nothing has been heard from ' || s.name || ' for more than ' || $1::int || ' minutes.'`;
