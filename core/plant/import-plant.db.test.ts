import { describe, expect, it } from 'vitest';
import { createTestDatabase, testEngines } from '../testing/database.ts';
import { checkPlant } from './check-plant.ts';
import { exportPlant } from './export-plant.ts';
import { importPlant } from './import-plant.ts';
import { readPlantCsv } from './plant-csv.ts';
import type { Plant, PlantMachine } from './plant-document.ts';
import { readPlantYaml, writePlantYaml } from './plant-yaml.ts';
import { referencePlant } from './reference-plant.ts';
import { writePlantCsv } from './write-plant-csv.ts';

const reference = referencePlant(1781);
const total = (counts: Record<string, number>): number => Object.values(counts).reduce((sum, count) => sum + count, 0);

function machineOf(plant: Plant, index: number): PlantMachine {
  const machine = plant.sites[0]?.lines[0]?.machines[index];
  if (machine === undefined) throw new Error('no such machine');
  return machine;
}

describe.each(testEngines())('a plant in the database (%s)', (engine) => {
  it('comes back equal, and again from the exported files', async () => {
    const database = await createTestDatabase(engine);
    const { written } = await importPlant(database, reference);
    expect(written).toMatchObject({ site: 3, line: 21, machine: 236, shift: 9 });
    expect(await exportPlant(database, 'millrace')).toEqual(reference);
    const sensors = await database.query(`select count(*) as n from signal where kind = 'measurement'`);
    expect(sensors).toEqual([{ n: 1781 }]);

    const other = await createTestDatabase(engine);
    await importPlant(other, readPlantCsv(writePlantCsv(await exportPlant(database, 'millrace'))));
    expect(await exportPlant(other, 'millrace')).toEqual(reference);
    const again = await importPlant(other, readPlantYaml(writePlantYaml(reference)));
    expect(total(again.written)).toBe(0);
  });

  it('changes what differs, keeps what is not named, and removes it only when asked', async () => {
    const database = await createTestDatabase(engine);
    await importPlant(database, reference);
    const before = await database.query('select signal_id, name from signal order by signal_id');

    const changed = structuredClone(reference);
    changed.sites.pop();
    changed.employees = changed.employees.filter((employee) => employee.site !== 'pune');
    machineOf(changed, 3).constraint = false;
    machineOf(changed, 0).constraint = true;
    const signal = machineOf(changed, 0).signals[0];
    if (signal === undefined) throw new Error('no signal');
    signal.limit_high = 61.25;
    const kept = await importPlant(database, changed);
    expect(kept.written).toMatchObject({ machine: 2, signal: 1, site: 0, signal_source: 0 });
    expect(await database.query('select signal_id, name from signal order by signal_id')).toEqual(before);
    expect(await database.query('select count(*) as n from site')).toEqual([{ n: 3 }]);

    const { removed } = await importPlant(database, changed, true);
    expect(removed).toMatchObject({ site: 1, line: 7 });
    const left = await exportPlant(database, 'millrace');
    expect(left.sites).toEqual(changed.sites);
    // People are never removed; those of the removed site now belong to none.
    expect(left.employees).toHaveLength(reference.employees.length);
  });

  it('refuses a shift that overlaps one which the database has and the file has not, unless that is removed', async () => {
    const database = await createTestDatabase(engine);
    const withShift = (name: string, start: string, end: string): Plant => {
      const shifts = [{ name, start, end }];
      const { plant } = checkPlant({
        enterprise: 'acme',
        sites: [{ name: 'graz', time_zone: 'Europe/Vienna', shifts }],
      });
      if (plant === undefined) throw new Error('not a plant');
      return plant;
    };
    const shifts = () => database.query('select name from shift order by 1');
    await importPlant(database, withShift('Early', '06:00', '14:00'));
    await importPlant(database, withShift('Late', '14:00', '22:00'));
    await expect(importPlant(database, withShift('Day', '08:00', '16:00'))).rejects.toThrow(
      'The shifts "Early" and "Day" of site graz are worked at the same time',
    );
    expect(await shifts()).toEqual([{ name: 'Early' }, { name: 'Late' }]);
    await importPlant(database, withShift('Day', '08:00', '16:00'), true);
    expect(await shifts()).toEqual([{ name: 'Day' }]);
  });

  it('imports nothing when one statement fails', async () => {
    const database = await createTestDatabase(engine);
    const broken = structuredClone(reference);
    const signal = broken.sites[2]?.lines[6]?.machines[10]?.signals[0];
    if (signal === undefined) throw new Error('no signal');
    // Past the document's own check on purpose: the database's constraint is the last to see it.
    signal.expected_interval_seconds = -1;
    await expect(importPlant(database, broken)).rejects.toMatchObject({ code: '23514' });
    expect(await database.query('select count(*) as n from organization')).toEqual([{ n: 0 }]);
  });

  it('exports what is stored, even if an import would not take it, and says what to put right', async () => {
    const database = await createTestDatabase(engine);
    await importPlant(database, reference);
    await database.execute(
      `update signal set limit_high = 5, limit_low = 9, limit_low_low = null, limit_high_high = null
        where signal_id = (select min(signal_id) from signal where kind = 'measurement')`,
    );
    const sentences: string[] = [];
    const plant = await exportPlant(database, 'millrace', (sentence) => sentences.push(sentence));
    expect(sentences).toEqual([
      expect.stringMatching(/limit_high is 5; accepted is a number above limit_low \(9\)\.$/),
    ]);
    const csv = writePlantCsv(plant);
    expect(() => readPlantCsv(csv)).toThrow(/limit_high: "5" is there; accepted is a number above limit_low \(9\)/);
    expect(checkPlant(plant).problems).toHaveLength(1);
  });

  it('keeps two enterprises apart, even with the same site names', async () => {
    const database = await createTestDatabase(engine);
    const small = (enterprise: string): Plant => {
      const { plant } = checkPlant({
        enterprise,
        sites: [{ name: 'graz', time_zone: 'Europe/Vienna', title: enterprise }],
      });
      if (plant === undefined) throw new Error('not a plant');
      return plant;
    };
    await importPlant(database, small('acme'));
    await importPlant(database, small('bcme'), true);
    expect(await exportPlant(database, 'acme')).toEqual(small('acme'));
    expect(await exportPlant(database, 'bcme')).toEqual(small('bcme'));
    await expect(exportPlant(database, 'nobody')).rejects.toThrow(/no plant of enterprise "nobody"/);
  });
});
