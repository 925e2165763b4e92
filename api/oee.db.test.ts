import { beforeAll, describe, expect, test } from 'vitest';
import { createStage, type Stage } from './testing/stage.ts';

// Berlin sets its clocks back on 2026-10-25: the night shift of the 24th has 9 hours.
const nowMs = Date.parse('2026-10-25T10:00:00Z');

interface Slice {
  machine: number;
  shift: number;
  from: string;
  to: string;
  planned: number;
  running: number;
  total?: number;
  good?: number;
  ideal?: number | null;
  noData?: number;
}

let stage: Stage;
let nightId: number;
let earlyId: number;

beforeAll(async () => {
  stage = await createStage('postgres', { clock: () => nowMs });
  const { database, plant } = stage;
  async function addShift(shiftId: number, date: string, from: string, to: string): Promise<number> {
    const [row] = await database.query<{ shift_instance_id: number }>(
      `insert into shift_instance (organization_id, site_id, shift_id, production_date, started_at, ended_at)
       values ($1, $2, $3, $4, $5, $6) returning shift_instance_id`,
      [plant.organization_id, plant.site_id, shiftId, date, from, to],
    );
    return row?.shift_instance_id ?? 0;
  }
  const dayBefore = await addShift(plant.early_shift, '2026-10-24', '2026-10-24T04:00:00Z', '2026-10-24T12:00:00Z');
  nightId = await addShift(plant.night_shift, '2026-10-24', '2026-10-24T20:00:00Z', '2026-10-25T05:00:00Z');
  earlyId = await addShift(plant.early_shift, '2026-10-25', '2026-10-25T05:00:00Z', '2026-10-25T13:00:00Z');
  const [first, second, third] = plant.machine_ids;
  const slices: Slice[] = [
    {
      machine: first,
      shift: dayBefore,
      from: '2026-10-24T04:00:00Z',
      to: '2026-10-24T05:00:00Z',
      planned: 3600,
      running: 3600,
      total: 100,
      good: 100,
      ideal: 30,
    },
    // Nine hours of night on the constraint, five of them at half time; the other machine of the line must not count.
    ...Array.from({ length: 9 }, (_, hour) => ({
      machine: first,
      shift: nightId,
      from: new Date(Date.parse('2026-10-24T20:00:00Z') + hour * 3_600_000).toISOString(),
      to: new Date(Date.parse('2026-10-24T20:00:00Z') + (hour + 1) * 3_600_000).toISOString(),
      planned: 3600,
      running: hour < 5 ? 1800 : 3600,
      total: 50,
      good: 40,
      ideal: 36,
    })),
    {
      machine: second,
      shift: nightId,
      from: '2026-10-24T20:00:00Z',
      to: '2026-10-24T21:00:00Z',
      planned: 3600,
      running: 36,
      total: 1,
      good: 0,
      ideal: 36,
    },
    {
      machine: third,
      shift: nightId,
      from: '2026-10-24T20:00:00Z',
      to: '2026-10-24T21:00:00Z',
      planned: 1800,
      running: 900,
      total: 10,
      good: 10,
      ideal: 60,
      noData: 1800,
    },
    // The running shift: a product without an ideal cycle on the second line.
    {
      machine: first,
      shift: earlyId,
      from: '2026-10-25T09:00:00Z',
      to: '2026-10-25T10:00:00Z',
      planned: 3600,
      running: 2700,
      total: 90,
      good: 81,
      ideal: 25,
    },
    {
      machine: third,
      shift: earlyId,
      from: '2026-10-25T09:00:00Z',
      to: '2026-10-25T10:00:00Z',
      planned: 3600,
      running: 1800,
      total: 10,
      good: 5,
      ideal: null,
    },
  ];
  for (const slice of slices) {
    const { total = 0, good = 0, ideal = 0, noData = 0 } = slice;
    await database.execute(
      `insert into oee_slice (organization_id, machine_id, shift_instance_id, started_at, ended_at, computed_to, planned_seconds, running_seconds,
                              down_seconds, no_data_seconds, total_count, good_count, reject_count, ideal_total_seconds, ideal_good_seconds)
       values ($1, $2, $3, $4, $5, $5, $6, $7::float8, $6::float8 - $7::float8, $8, $9::float8, $10::float8, $9::float8 - $10::float8, $11, $12)`,
      [
        plant.organization_id,
        slice.machine,
        slice.shift,
        slice.from,
        slice.to,
        slice.planned,
        slice.running,
        noData,
        total,
        good,
        ideal === null ? null : ideal * total,
        ideal === null ? null : ideal * good,
      ],
    );
  }
});

describe('OEE over HTTP', () => {
  test('of a line by shift is that of its constraint, over the nine hours that the night really had', async () => {
    const { plant } = stage;
    const answer = await stage.get(
      `/api/v1/oee?level=line&by=shift&line=${plant.line_ids[0]}&from=2026-10-24T20:00:00Z&to=2026-10-25T05:00:00Z`,
    );
    expect(answer.body.items).toHaveLength(1);
    const [item] = answer.body.items;
    expect(item).toMatchObject({
      id: plant.line_ids[0],
      basis: 'constraint',
      shift_name: 'night',
      production_date: '2026-10-24',
      started_at: '2026-10-24T20:00:00Z',
      ended_at: '2026-10-25T05:00:00Z',
      time_zone: 'Europe/Berlin',
    });
    // 9 h planned, 5 half and 4 whole hours run; 450 pieces of 36 s, 360 good.
    expect(item.figures).toMatchObject({
      planned_seconds: 32_400,
      running_seconds: 23_400,
      total_count: 450,
      good_count: 360,
      flags: [],
    });
    expect(item.figures.availability).toBeCloseTo(23_400 / 32_400, 12);
    expect(item.figures.performance).toBeCloseTo((450 * 36) / 23_400, 12);
    expect(item.figures.quality).toBeCloseTo(0.8, 12);
    expect(item.figures.oee).toBeCloseTo((360 * 36) / 32_400, 12);
  });

  test('of a line without a constraint is that of all its machines, with what was not heard as coverage', async () => {
    const { plant } = stage;
    const answer = await stage.get(
      `/api/v1/oee?level=line&by=shift&line=${plant.line_ids[1]}&from=2026-10-24T20:00:00Z&to=2026-10-25T05:00:00Z`,
    );
    expect(answer.body.items).toMatchObject([
      { basis: 'all_machines', figures: { coverage: 0.5, availability: 0.5, no_data_seconds: 1800 } },
    ]);
  });

  test('by hour has each UTC hour of the changing night once', async () => {
    const { plant } = stage;
    const answer = await stage.get(
      `/api/v1/oee?level=machine&by=hour&machine=${plant.machine_ids[0]}&from=2026-10-24T20:00:00Z&to=2026-10-25T05:00:00Z`,
    );
    expect(answer.body.items.map((item: { started_at: string }) => item.started_at.slice(11, 13))).toEqual([
      '20',
      '21',
      '22',
      '23',
      '00',
      '01',
      '02',
      '03',
      '04',
    ]);
    expect(answer.body.items[0]).toMatchObject({
      shift_name: null,
      production_date: null,
      figures: { availability: 0.5 },
    });
    expect(answer.body.items[8].figures.availability).toBe(1);
  });

  test('by day takes the production day with its night, sums of all lines for the site, 25 hours long', async () => {
    const answer = await stage.get('/api/v1/oee?level=site&by=day&from=2026-10-24T12:00:00Z&to=2026-10-25T04:00:00Z');
    expect(answer.body.items).toHaveLength(1);
    const [item] = answer.body.items;
    expect(item).toMatchObject({
      level: 'site',
      production_date: '2026-10-24',
      started_at: '2026-10-24T04:00:00Z',
      ended_at: '2026-10-25T05:00:00Z',
    });
    expect(Date.parse(item.ended_at) - Date.parse(item.started_at)).toBe(25 * 3_600_000);
    // Constraint: 1 h + 9 h; second line: half an hour known. Components are summed, ratios never averaged.
    expect(item.figures).toMatchObject({
      planned_seconds: 37_800,
      running_seconds: 27_900,
      total_count: 560,
      good_count: 470,
    });
    expect(item.figures.oee).toBeCloseTo((100 * 30 + 360 * 36 + 10 * 60) / 37_800, 12);
  });

  test('pages over buckets and units without losing any', async () => {
    const seen: string[] = [];
    let cursor = '';
    do {
      const page = await stage.get(
        `/api/v1/oee?level=machine&by=hour&from=2026-10-24T00:00:00Z&to=2026-10-25T10:00:00Z&limit=4${cursor}`,
      );
      seen.push(...page.body.items.map((item: { started_at: string; id: number }) => `${item.started_at} ${item.id}`));
      cursor = page.body.next === null ? '' : `&cursor=${page.body.next}`;
    } while (cursor !== '');
    expect(seen).toHaveLength(14);
    expect(new Set(seen).size).toBe(14);
    expect(seen).toEqual([...seen].sort());
  });

  test('live is the running shift; an unknown ideal cycle makes the ratio unknown, not wrong', async () => {
    const { plant } = stage;
    const { body } = await stage.get('/api/v1/oee/live');
    expect(body.shifts).toMatchObject([
      { shift_instance_id: earlyId, name: 'early', ended_at: '2026-10-25T13:00:00Z' },
    ]);
    const line = (id: number) => body.lines.find((row: { id: number }) => row.id === id).figures;
    expect(line(plant.line_ids[0])).toMatchObject({ availability: 0.75, quality: 0.9 });
    expect(line(plant.line_ids[0]).oee).toBeCloseTo((81 * 25) / 3600, 12);
    expect(line(plant.line_ids[1])).toMatchObject({
      availability: 0.5,
      performance: null,
      oee: null,
      quality: 0.5,
      flags: ['no_ideal_cycle'],
    });
    // The site is the sum of the lines that can be measured; the other one drags nothing.
    expect(body.sites).toMatchObject([
      { id: plant.site_id, figures: { availability: 0.75, planned_seconds: 3600, total_count: 90 } },
    ]);
    expect(body.sites[0].figures.oee).toBeCloseTo((81 * 25) / 3600, 12);
    expect(body.machines.map((row: { id: number }) => row.id)).toEqual([plant.machine_ids[0], plant.machine_ids[2]]);
    const machine = await stage.get(`/api/v1/machines/${plant.machine_ids[0]}`);
    expect(machine.body).toMatchObject({ shift: { name: 'early' }, oee: { figures: { availability: 0.75 } } });
  });

  test("is nobody else's", async () => {
    const { otherToken } = stage;
    expect((await stage.get('/api/v1/oee?from=2026-10-24T00:00:00Z', otherToken)).body.items).toEqual([]);
    expect((await stage.get('/api/v1/oee/live', otherToken)).body).toMatchObject({
      shifts: [],
      lines: [],
      machines: [],
    });
  });
});

describe('downtime over HTTP', () => {
  beforeAll(async () => {
    const { database, plant } = stage;
    const [first, second] = plant.machine_ids;
    await database.execute(
      `insert into machine_state (organization_id, machine_id, started_at, ended_at, state, fault_code)
       select $1, m, f::timestamptz, t::timestamptz, s, c
         from unnest($2::int[], $3::text[], $4::text[], $5::text[], $6::int[]) as r(m, f, t, s, c)`,
      [
        plant.organization_id,
        [first, first, first, second],
        ['2026-10-25T07:00:00Z', '2026-10-25T08:30:00Z', '2026-10-25T09:00:00Z', '2026-10-25T09:30:00Z'],
        ['2026-10-25T08:30:00Z', '2026-10-25T09:00:00Z', null, null],
        ['down', 'running', 'setup', 'down'],
        [17, null, null, null],
      ],
    );
    // The second machine was last heard at 09:40; nobody knows what it did since.
    await database.execute(
      `insert into machine_progress (machine_id, organization_id, heard_at, known_to) values ($1, $2, '2026-10-25T09:40:00Z', '2026-10-25T09:40:00Z')`,
      [second, plant.organization_id],
    );
  });

  test('intervals are clipped to the range and to what is known', async () => {
    const { body } = await stage.get('/api/v1/downtime?from=2026-10-25T08:00:00Z&to=2026-10-25T10:00:00Z');
    expect(body.items.map((item: { state: string; seconds: number }) => [item.state, item.seconds])).toEqual([
      ['down', 600],
      ['setup', 3600],
      ['down', 1800],
    ]);
    expect(body.pareto).toEqual([
      { state: 'setup', fault_code: null, seconds: 3600, stops: 1, machines: 1 },
      { state: 'down', fault_code: 17, seconds: 1800, stops: 1, machines: 1 },
      { state: 'down', fault_code: null, seconds: 600, stops: 1, machines: 1 },
    ]);
    expect(body).toMatchObject({ from: '2026-10-25T08:00:00Z', to: '2026-10-25T10:00:00Z' });
  });

  test('a state timeline has the running intervals too, and a time with an offset is the same time', async () => {
    const range = `from=${encodeURIComponent('2026-10-25T09:00:00+01:00')}&to=${encodeURIComponent('2026-10-25T11:00:00+01:00')}`;
    const { body } = await stage.get(`/api/v1/downtime?include=all&machine=${stage.plant.machine_ids[0]}&${range}`);
    expect(body.items.map((item: { state: string }) => item.state)).toEqual(['setup', 'running', 'down']);
    expect(body.from).toBe('2026-10-25T08:00:00.000Z');
  });

  test('the Pareto comes with the first page only', async () => {
    const first = await stage.get('/api/v1/downtime?limit=2');
    const second = await stage.get(`/api/v1/downtime?limit=2&cursor=${first.body.next}`);
    expect(first.body.pareto).toHaveLength(3);
    expect(second.body).toMatchObject({ pareto: [], next: null });
    expect(second.body.items).toHaveLength(1);
  });
});
