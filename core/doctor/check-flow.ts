import { megabyte, showBytes, showSeconds, type Check, type Finding, type Patient } from './finding.ts';

/** Everything that moves: feed, rollups, late data, journal, latest values, books. */
export const checkFlow: Check = {
  name: 'feed, rollups, journal, books',
  async run(patient) {
    return [
      ...(await judgeRollups(patient)),
      ...(await judgeLateRanges(patient)),
      ...(await judgeFeed(patient)),
      ...(await judgeGateways(patient)),
      ...(await judgeLatestValues(patient)),
      ...(await judgeBooks(patient)),
    ];
  },
};

async function judgeRollups({ connection }: Patient): Promise<Finding[]> {
  const [lag] = await connection.query<{ newest: number | null; rolled: number | null }>(
    `select (select extract(epoch from max(time))::float8 from latest_value where time <= now()) as newest,
            (select extract(epoch from max(bucket))::float8 + 60 from reading_1m) as rolled`,
  );
  const newest = lag?.newest;
  if (newest === null || newest === undefined) return [];
  const behind = newest - (lag?.rolled ?? newest - 86_400);
  if (behind < 300) return [];
  return [
    {
      level: 'advice',
      what: 'rollups',
      value: `${showSeconds(behind)} behind the newest reading`,
      recommended: 'at most 5 min',
      why: 'Trends and figures of OEE are built from rollups. Analytics refreshes them every few seconds: is it running, and what does its log say?',
      command: "call refresh_rollups(now() - interval '1 day', now());",
    },
  ];
}

async function judgeLateRanges({ connection }: Patient): Promise<Finding[]> {
  const [late] = await connection.query<{ count: number; age: number | null }>(
    'select count(*)::int as count, extract(epoch from now() - min(noted_at))::float8 as age from late_range',
  );
  if ((late?.age ?? 0) < 900) return [];
  return [
    {
      level: 'advice',
      what: 'late data that waits for its rollups',
      value: `${late?.count} ranges, the oldest for ${showSeconds(late?.age ?? 0)}`,
      recommended: 'none for longer than 15 min',
      why: 'Rollups and shifts of these times do not know yet what came late.',
      command: 'npm run start:analytics  -- or look at its log',
    },
  ];
}

async function judgeFeed({ connection }: Patient): Promise<Finding[]> {
  const [feed] = await connection.query<{ bytes: number; age: number | null }>(
    `select pg_total_relation_size('reading_batch')::int8 as bytes, extract(epoch from now() - min(stored_at))::float8 as age from reading_batch`,
  );
  if ((feed?.age ?? 0) < 3 * 3600) return [];
  return [
    {
      level: 'advice',
      what: 'feed (reading_batch)',
      value: `${showBytes(feed?.bytes ?? 0)}, the oldest batch ${showSeconds(feed?.age ?? 0)} old`,
      recommended: 'about one hour',
      why: 'It is a copy of what is in reading already, 22 bytes a reading; analytics prunes it while it runs.',
      command:
        "npm run start:analytics  -- or, when nothing follows the feed: delete from reading_batch where stored_at < now() - interval '1 hour';",
    },
  ];
}

async function judgeGateways({ connection }: Patient): Promise<Finding[]> {
  const gateways = await connection.query<{
    gateway_id: number;
    silent: number | null;
    readings: number;
    bytes: number;
    failure: string | null;
  }>(
    `select gateway_id, extract(epoch from now() - reported_at)::float8 as silent, journal_readings as readings, journal_bytes as bytes,
            status #>> '{journal,failure}' as failure
       from gateway order by gateway_id`,
  );
  return gateways.flatMap(({ gateway_id, silent, readings, bytes, failure }): Finding[] => {
    const findings: Finding[] = [];
    if (failure !== null) {
      findings.push({
        level: 'danger',
        what: `journal of gateway ${gateway_id}`,
        value: failure,
        recommended: 'writable',
        why: 'Nothing is acknowledged and nothing is read while the journal cannot be written.',
        command: 'df -h and dmesg on the gateway; DATA_DIR on another disk',
      });
    }
    if (silent !== null && silent > 60) {
      findings.push({
        level: readings > 0 ? 'danger' : 'advice',
        what: `gateway ${gateway_id}`,
        value: `silent for ${showSeconds(silent)}${readings > 0 ? `, with ${readings} readings in its journal` : ''}`,
        recommended: 'a report every few seconds',
        why: 'It is stopped, or cannot reach this database. What its journal holds is not lost, but nobody sees it.',
        command: 'npm run start:ingest  -- with the same DATA_DIR and GATEWAY_ID',
      });
    } else if (readings > 1_000_000) {
      findings.push({
        level: 'advice',
        what: `journal of gateway ${gateway_id}`,
        value: `${readings} readings, ${showBytes(bytes)}`,
        recommended: 'less than a second of readings',
        why: 'Readings come faster than they can be stored, or could not be stored for a while. It is normal after an outage, as long as it shrinks.',
        command: 'npm run doctor  -- once more in a minute; then look at the settings of the server above',
      });
    }
    return findings;
  });
}

async function judgeLatestValues({ connection }: Patient): Promise<Finding[]> {
  const [table] = await connection.query<{ bytes: number; rows: number }>(
    `select pg_relation_size('latest_value')::int8 as bytes, (select count(*)::int from latest_value) as rows`,
  );
  const bytes = table?.bytes ?? 0;
  // A row takes 70 bytes, its page is half empty on purpose (fillfactor 50).
  const wanted = Math.max(megabyte, (table?.rows ?? 0) * 70 * 2 * 10);
  if (bytes <= wanted) return [];
  return [
    {
      level: 'advice',
      what: 'latest_value',
      value: `${showBytes(bytes)} for ${table?.rows} rows`,
      recommended: `less than ${showBytes(wanted)}`,
      why: 'Every signal is rewritten every second; something keeps autovacuum from taking the old versions away (a transaction left open, a replication slot, autovacuum off).',
      command: 'vacuum full latest_value;  -- takes a second, and holds up ingest for it',
    },
  ];
}

async function judgeBooks({ connection }: Patient): Promise<Finding[]> {
  const wrong = await connection.query<{ name: string; protocol: string; difference: number }>(
    `select s.name, s.protocol, sum(received - stored - duplicate - rejected - parked - dropped)::int8 as difference
       from ledger join source s using (source_id) group by s.source_id having sum(received - stored - duplicate - rejected - parked - dropped) <> 0`,
  );
  return wrong.map(({ name, protocol, difference }) => ({
    level: 'danger',
    what: `books of ${protocol} ${name}`,
    value: `${difference} readings ${difference > 0 ? 'received and without an end' : 'more than received'}`,
    recommended: '0',
    why: 'Every reading that was received must be stored, duplicate, rejected, parked or counted as dropped. The difference is a fault of Millrace: please report it.',
    command: `select * from ledger join source using (source_id) where name = '${name.replaceAll("'", "''")}' and received <> stored + duplicate + rejected + parked + dropped;`,
  }));
}
