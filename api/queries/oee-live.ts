import { toTimestamp } from '../../core/clock.ts';
import type { Connection } from '../../core/database.ts';
import type { LiveOee, LiveOeeRow, LiveShift, OeeLevel } from '../schemas/oee.ts';
import { basisSql, figureSums, levelKey, speaksForLine, toFigures, type FigureSums } from './oee-figures.ts';
import { toRfc3339 } from './row.ts';

type Row = Omit<LiveOeeRow, 'figures'> & FigureSums & { level: OeeLevel };

/**
 * OEE of the shift that runs at `nowMs`, for all sites, lines and machines, or for what concerns one machine. One
 * statement a question: shifts, then the three levels together (a few thousand slices at most).
 */
export async function readLiveOee(
  connection: Connection,
  nowMs: number,
  of: { machine?: number } = {},
): Promise<LiveOee> {
  const nowSeconds = nowMs / 1000;
  const shifts = await connection.query<LiveShift>(
    `select i.site_id, i.shift_instance_id, h.name, i.production_date::text as production_date, i.started_at, i.ended_at
       from shift_instance i join shift h using (shift_id)
      where i.started_at <= to_timestamp($1) and i.ended_at > to_timestamp($1)
        and ($2::int is null or i.site_id = (select l.site_id from machine m join line l using (line_id) where m.machine_id = $2))
      order by i.site_id, i.started_at`,
    [nowSeconds, of.machine ?? null],
  );
  const running = shifts.map((shift) => shift.shift_instance_id);
  const levels: OeeLevel[] = of.machine === undefined ? ['site', 'line', 'machine'] : ['machine'];
  const rows =
    running.length === 0
      ? []
      : await connection.query<Row>(
          levels.map(levelSql).join(' union all '),
          of.machine === undefined ? [running] : [running, of.machine],
        );
  const pick = (level: OeeLevel): LiveOeeRow[] =>
    rows
      .filter((row) => row.level === level)
      .map((row) => ({
        id: row.id,
        basis: row.basis,
        computed_to: toRfc3339(row.computed_to),
        figures: toFigures(row),
      }));
  return {
    server_time: toTimestamp(nowMs),
    shifts: shifts.map((shift) => ({
      ...shift,
      started_at: toRfc3339(shift.started_at),
      ended_at: toRfc3339(shift.ended_at),
    })),
    sites: pick('site'),
    lines: pick('line'),
    machines: pick('machine'),
  };

  function levelSql(level: OeeLevel): string {
    const unit = levelKey[level].split(',', 1)[0] ?? '';
    return `(select '${level}' as level, ${unit} as id, ${basisSql(level)} as basis, max(o.computed_to) as computed_to, ${figureSums(level)}
      from oee_slice o join machine m on m.machine_id = o.machine_id join line l on l.line_id = m.line_id join site s on s.site_id = l.site_id
     where o.shift_instance_id = any($1) and ${level === 'machine' ? 'true' : speaksForLine} ${of.machine === undefined ? '' : 'and o.machine_id = $2'}
     group by ${levelKey[level]} order by 2)`;
  }
}
