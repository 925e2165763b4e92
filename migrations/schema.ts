import type { Connection } from '../core/database.ts';
import type { Engine } from './files.ts';

/** One section of the description: a heading and a query that answers one line each in a column `line`. */
type Section = readonly [heading: string, sql: string];

// Objects of the schema that are ours: not an extension's, not a partition (their names carry dates).
const ownRelation = `c.relnamespace = 'public'::regnamespace and not c.relispartition
  and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')`;

const sections: readonly Section[] = [
  [
    'tables and views',
    `select format('%s %s: %s %s%s%s', case c.relkind when 'v' then 'view' else 'table' end, c.relname, a.attname,
                   format_type(a.atttypid, a.atttypmod), case when a.attnotnull then ' not null' else '' end,
                   coalesce(case when a.attidentity <> '' then ' identity' else ' default ' || pg_get_expr(d.adbin, d.adrelid) end, '')) as line
       from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
      where ${ownRelation} and c.relkind in ('r', 'p', 'v') order by c.relname, a.attnum`,
  ],
  [
    'table options',
    `select format('%s: %s %s%s', c.relname, case c.relkind when 'p' then pg_get_partkeydef(c.oid) else '' end,
                   coalesce(array_to_string(c.reloptions, ', '), ''), case when c.relrowsecurity then ' row level security' else '' end) as line
       from pg_class c where ${ownRelation} and c.relkind in ('r', 'p', 'v')
        and (c.relkind = 'p' or c.reloptions is not null or c.relrowsecurity) order by 1`,
  ],
  [
    'constraints',
    `select format('%s: %s %s', c.relname, k.conname, pg_get_constraintdef(k.oid)) as line
       from pg_constraint k join pg_class c on c.oid = k.conrelid
      where ${ownRelation} and k.contype in ('c', 'f', 'p', 'u', 'x') order by 1`,
  ],
  [
    'indexes',
    `select pg_get_indexdef(i.indexrelid) as line from pg_index i join pg_class c on c.oid = i.indrelid
      where ${ownRelation} order by 1`,
  ],
  [
    'policies',
    `select format('%s: %s for %s to %s using (%s) with check (%s)', c.relname, p.polname, p.polcmd, p.polroles::regrole[],
                   pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) as line
       from pg_policy p join pg_class c on c.oid = p.polrelid order by 1`,
  ],
  [
    'triggers',
    `select pg_get_triggerdef(t.oid) as line from pg_trigger t join pg_class c on c.oid = t.tgrelid
      where not t.tgisinternal and ${ownRelation} order by 1`,
  ],
  [
    // The bodies stand in the migrations; the hash shows that one changed.
    'functions and procedures',
    `select format('%s %s(%s)%s %s %s, body %s', case p.prokind when 'p' then 'procedure' else 'function' end, p.proname,
                   pg_get_function_identity_arguments(p.oid), coalesce(' returns ' || pg_get_function_result(p.oid), ''),
                   l.lanname, p.provolatile, left(md5(p.prosrc), 12)) as line
       from pg_proc p join pg_language l on l.oid = p.prolang
      where p.pronamespace = 'public'::regnamespace
        and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e') order by 1`,
  ],
  [
    'view definitions',
    `select format('%s: %s', c.relname, regexp_replace(pg_get_viewdef(c.oid), '\\s+', ' ', 'g')) as line
       from pg_class c where ${ownRelation} and c.relkind = 'v' order by 1`,
  ],
  [
    "rights of the API's role",
    `select format('%s: %s', c.relname, string_agg(lower(g.privilege_type), ', ' order by g.privilege_type)) as line
       from pg_class c, aclexplode(c.relacl) g
      where ${ownRelation} and g.grantee = 'millrace_api'::regrole group by c.relname order by 1`,
  ],
];

const timescaleSections: readonly Section[] = [
  [
    'hypertables',
    `select format('%s by %s, chunks of %s, columnstore %s', h.hypertable_name, d.column_name, d.time_interval, h.compression_enabled) as line
       from timescaledb_information.hypertables h join timescaledb_information.dimensions d using (hypertable_schema, hypertable_name) order by 1`,
  ],
  [
    'columnstore',
    `select format('%s: segment by %s, order by %s', hypertable, segmentby, orderby) as line
       from timescaledb_information.hypertable_columnstore_settings order by 1`,
  ],
  [
    'continuous aggregates',
    `select format('%s of %s, materialized only %s', view_name, hypertable_name, materialized_only) as line
       from timescaledb_information.continuous_aggregates order by 1`,
  ],
  [
    'jobs',
    `select format('%s every %s on %s with %s', proc_name, schedule_interval, coalesce(hypertable_name, '-'), config - 'hypertable_id') as line
       from timescaledb_information.jobs where job_id >= 1000 order by 1`,
  ],
];

/** Which server wrote a description: catalogues print the same thing differently in another major version. */
export async function describeServer(connection: Connection): Promise<string> {
  const [row] = await connection.query<{ postgres: number; timescale: string | null }>(
    `select current_setting('server_version_num')::int / 10000 as postgres,
            (select extversion from pg_extension where extname = 'timescaledb') as timescale`,
  );
  const timescale = row?.timescale?.split('.').slice(0, 2).join('.');
  return `PostgreSQL ${row?.postgres}${timescale === undefined ? '' : `, TimescaleDB ${timescale}`}`;
}

/** The schema of a migrated database as text, one line a fact, in an order that depends on nothing but names. */
export async function describeSchema(connection: Connection, engine: Engine): Promise<string> {
  const lines = [`Written by npm run schema:dump from ${await describeServer(connection)}`];
  for (const [heading, sql] of engine === 'timescale' ? [...sections, ...timescaleSections] : sections) {
    lines.push('', `== ${heading}`);
    for (const row of await connection.query<{ line: string }>(sql)) lines.push(row.line);
  }
  return `${lines.join('\n')}\n`;
}
