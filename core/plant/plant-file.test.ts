import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readPlantCsv } from './plant-csv.ts';
import { PlantFileError } from './plant-file-error.ts';
import { readPlantFile, writePlantFile } from './plant-file.ts';
import { readPlantYaml, writePlantYaml } from './plant-yaml.ts';
import { referencePlant } from './reference-plant.ts';
import { writePlantCsv } from './write-plant-csv.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-plant-'));
afterAll(() => rmSync(folder, { recursive: true }));

function problemsOf(read: () => unknown): string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof PlantFileError) return error.message.split('\n');
    throw error;
  }
  return [];
}

const small = `record,site,line,machine,signal,title,time_zone,product,ideal_cycle_seconds,shift,weekdays,start,end,breaks,kind,quantity,unit,limit_high,limit_high_high,protocol,address,enterprise,constraint
enterprise,,,,,,,,,,,,,,,,,,,,,acme,
product,,,,,"Bolt, M8",,BOLT,,,,,,,,,,,,,,,
site,graz,,,,Graz,Europe/Vienna,,,,,,,,,,,,,,,,
shift,graz,,,,,,,,Day,mon-fri,6:00,14:00:00,09:00-09:15 12:00-12:30,,,,,,,,,
line,graz,l1,,,,,,,,,,,,,,,,,,,,
ideal_cycle,graz,l1,,,,,BOLT,2.5,,,,,,,,,,,,,,
machine,graz,l1,m1,,,,,,,,,,,,,,,,,,,yes
signal,graz,l1,m1,temp,,,,,,,,,,measurement,temperature,Cel,70.5,80,mqtt,acme/graz/l1/m1/temp,,
source,graz,l1,m1,temp,,,,,,,,,,,,,,,opcua,ns=2;s=temp,,
`;

describe('a plant as CSV', () => {
  it('is read with its defaults', () => {
    const plant = readPlantCsv(small);
    expect(plant.products).toEqual([{ code: 'BOLT', title: 'Bolt, M8' }]);
    const [site] = plant.sites;
    expect(site?.shifts).toEqual([
      {
        name: 'Day',
        weekdays: [1, 2, 3, 4, 5],
        start: '06:00',
        end: '14:00',
        breaks: [
          { start: '09:00', end: '09:15' },
          { start: '12:00', end: '12:30' },
        ],
      },
    ]);
    const machine = site?.lines[0]?.machines[0];
    expect(machine).toMatchObject({ name: 'm1', title: 'm1', constraint: true, criticality: 'B' });
    expect(machine?.signals[0]).toMatchObject({
      quantity: 'temperature',
      limit_high: 70.5,
      limit_low: null,
      deadband: 0,
    });
    expect(machine?.signals[0]?.sources).toEqual([
      { protocol: 'mqtt', server: '', address: 'acme/graz/l1/m1/temp' },
      { protocol: 'opcua', server: '', address: 'ns=2;s=temp' },
    ]);
  });

  it('is the same in any order of rows', () => {
    const [header = '', ...rows] = small.trimEnd().split('\n');
    const plant = readPlantCsv([header, ...rows.toReversed()].join('\n'));
    const sources = plant.sites[0]?.lines[0]?.machines[0]?.signals[0]?.sources;
    expect(plant.sites[0]?.lines[0]?.ideal_cycles).toEqual([{ product: 'BOLT', seconds: 2.5 }]);
    expect(sources?.map((source) => source.protocol)).toEqual(['mqtt', 'opcua']);
  });

  it('is the same from a spreadsheet: byte order mark, semicolons, decimal commas, CRLF, sep= line, comments', () => {
    const quoted = small.replace('"Bolt, M8"', '"Bolt; M8"').replaceAll(/,(?! M8)/g, ';');
    const german = quoted
      .replace('2.5', '2,5')
      .replace('70.5', '70,5')
      .replace('ns=2;s=temp', '"ns=2;s=temp"')
      .replaceAll('\n', '\r\n');
    const noted = german.replace('\r\nline', '\r\n# the line;;\r\n;;;;;\r\nline');
    const expected = readPlantCsv(small.replace('Bolt, M8', 'Bolt; M8'));
    expect(readPlantCsv(`\uFEFF${noted}`)).toEqual(expected);
    expect(readPlantCsv(`sep=;\r\n${noted}`)).toEqual(expected);
  });

  it('names every problem at once, with row, column, value and what is accepted', () => {
    const wrong = small
      .replace('acme,', 'ac-me,')
      .replace('Europe/Vienna', 'Europe/Wien')
      .replace('6:00', '25:00')
      .replace('2.5', '0')
      .replace('70.5,80', '70.5,60')
      .replace('source,graz,l1,m1', 'source,graz,l9,m1')
      .concat('signal,graz,l1,m1,te mp,,,,,,,,,,counter,,,,,mqtt,acme/graz/l1/m1/temp,,\n')
      .concat('ideal_cycle,graz,l1,,,,,NUT,hot,,,,,,,,,,,,,,\n')
      .concat('silo,graz,l1,,,,,,,,,,,,,,,,,,,,\n')
      .concat('line,graz,l1,,,,,,,,Q,,,,,,,,,,,,\n');
    const problems = problemsOf(() => readPlantCsv(wrong));
    const expected = [
      expect.stringMatching(/^Row 2, enterprise: "ac-me" is there; accepted is a name of .* "-"/),
      expect.stringMatching(/^Row 4, time_zone: "Europe\/Wien" is there; accepted is an IANA time zone/),
      expect.stringMatching(/^Row 5, start: "25:00" is there; accepted is a local time as HH:MM/),
      expect.stringMatching(/^Row 7, ideal_cycle_seconds: "0" is there; accepted is a number of seconds above 0/),
      expect.stringMatching(/^Row 9, limit_high_high: "60" is there; accepted is a number above limit_high \(70.5\)/),
      expect.stringMatching(
        /^Row 10, line: "l9" is there; accepted is the name of a line that has a row of its own in graz/,
      ),
      expect.stringMatching(
        /^Row 11, address: .*accepted is an address of one signal only \(graz\/l1\/m1\/temp has it/,
      ),
      expect.stringMatching(/^Row 11, quantity: nothing is there; accepted is good, reject or total for a counter/),
      expect.stringMatching(/^Row 11, signal: "te mp" is there; accepted is a name/),
      expect.stringMatching(/^Row 12, product: "NUT" is there; accepted is the code of a product of this plant/),
      expect.stringMatching(/^Row 12, ideal_cycle_seconds: "hot" is there; accepted is a number/),
      expect.stringMatching(/^Row 13, record: "silo" is there; accepted is one of enterprise, product/),
      expect.stringMatching(/^Row 14, weekdays: "Q" is there; accepted is nothing, since a row "line" uses only/),
      expect.stringMatching(/^Row 14, line: "l1" is there; accepted is a line name used once in its site/),
    ];
    for (const pattern of expected) expect(problems).toContainEqual(pattern);
    expect(problems).toHaveLength(expected.length);
    const rows = problems.map((text) => Number(/^Row (\d+)/.exec(text)?.[1]));
    expect(rows).toEqual(rows.toSorted((one, two) => one - two));
  });

  it.each([
    ['Late,mon-fri,13:00,21:00', 'Late', 'Day'],
    ['Night,mon-thu,22:00,06:30', 'Night', 'Day'],
    ['Dawn,sat,05:00,07:00', '', ''],
    ['Sunday,sun,22:00,06:00', '', ''],
    ['Sunday,sun,22:00,06:01', 'Sunday', 'Day'],
    ['Round the clock,wed,12:00,12:00', 'Round the clock', 'Day'],
  ])('a site has one shift at a time: %s beside Day, mon-fri, 06:00 to 14:00', (shift, name, other) => {
    const row = `shift,graz,,,,,,,,${shift},,,,,,,,,,\n`;
    const problems = problemsOf(() => readPlantCsv(small + row));
    const said = `a time of ${name} in which ${other} is not worked (06:00 to 14:00).`;
    expect(problems.map((problem) => problem.split('accepted is ')[1])).toEqual(name === '' ? [] : [said]);
  });

  it('says where a name, a time zone or the enterprise is missing', () => {
    const problems = problemsOf(() => readPlantCsv('record,site,time_zone\nsite,graz,\nsite,,Europe/Vienna\n'));
    expect(problems).toHaveLength(3);
    expect(problems[0]).toMatch(/^Row 1, enterprise: nothing is there/);
    expect(problems[1]).toMatch(/^Row 2, time_zone: nothing is there; accepted is an IANA/);
    expect(problems[2]).toMatch(/^Row 3, site: nothing is there; accepted is a name/);
  });

  it('refuses a decimal comma where commas separate, unknown columns, and a file that is not UTF-8', () => {
    expect(problemsOf(() => readPlantCsv(small.replace('70.5', '"70,5"')))[0]).toMatch(
      /limit_high: "70,5" is there; accepted is a number/,
    );
    expect(problemsOf(() => readPlantCsv(small.replace('breaks', 'brakes')))[0]).toMatch(/^Row 1, column 14: "brakes"/);
    expect(problemsOf(() => readPlantCsv('a,b\n1,2\n'))[0]).toMatch(/one of them "record"/);
    expect(problemsOf(() => readPlantCsv('record,site\nsite,"graz\n'))[0]).toMatch(/Row \d+, CSV: .*a well-formed row/);
    const path = join(folder, 'latin1.csv');
    writeFileSync(path, Buffer.from('record,title\nsite,M\xfcnchen\n', 'latin1'));
    expect(problemsOf(() => readPlantFile(path))[0]).toMatch(/saved as UTF-8/);
  });
});

describe('a plant as YAML', () => {
  it('names every problem with its line', () => {
    const text = [
      'enterprise: acme',
      'sites:',
      '  - name: graz',
      '    time_zone: Nowhere/Town',
      '    lines:',
      '      - name: l1',
      '        ideal_cycles: [{ product: NUT, seconds: -1 }]',
      '        colour: red',
    ].join('\n');
    const problems = problemsOf(() => readPlantYaml(text));
    expect(problems).toHaveLength(4);
    expect(problems[0]).toMatch(/^Row 4, sites.0.time_zone: "Nowhere\/Town" is there; accepted is an IANA/);
    expect(problems.join('\n')).toMatch(/Row 7, sites.0.lines.0.ideal_cycles.0.product: "NUT" is there/);
    expect(problems.join('\n')).toMatch(/Row 7, sites.0.lines.0.ideal_cycles.0.seconds: -1 is there/);
    expect(problems.join('\n')).toMatch(/Row 8, sites.0.lines.0.colour: "red" is there; accepted is nothing/);
  });

  it('says in which line the YAML itself breaks', () => {
    expect(problemsOf(() => readPlantYaml('enterprise: acme\nsites: [\n'))[0]).toMatch(/^Row \d, YAML/);
    expect(problemsOf(() => readPlantYaml('enterprise: acme\nenterprise: acme\n'))).toEqual([
      'Row 2, YAML, character 1: "enterprise: acme" is there; accepted is well-formed YAML (Map keys must be unique).',
    ]);
  });

  it.each([
    ['an alias of nothing', 'enterprise: acme\nsites: *none\n', 'Row 2, YAML, character 8: "*none" is there'],
    [
      'aliases that fill the memory',
      `a: &a [x]\n${'bcdefgh'
        .split('')
        .map((name, index) => `${name}: &${name} [${`*${'abcdefg'[index]}, `.repeat(20)}]\n`)
        .join('')}`,
      'Row 2, YAML, character 8: "*a" is there',
    ],
  ])('says where there is %s', (_what, text, place) => {
    expect(problemsOf(() => readPlantYaml(text))).toEqual([
      `${place}; accepted is an alias of something above it, and not aliases of aliases of aliases.`,
    ]);
  });

  it.each(['- a\n', '', '5'])('says what a file should hold that holds %j', (text) => {
    expect(problemsOf(() => readPlantYaml(text))).toEqual([
      expect.stringMatching(/^Row 1, the whole file: .* is there; accepted is a plant with its fields by name\.$/),
    ]);
  });

  it('says the same of everything in it', () => {
    const text = 'enterprise: acme\nproducts: x\nemployees: [7]\nsites:\n  - 5\n';
    expect(problemsOf(() => readPlantYaml(text))).toEqual([
      'Row 2, products: "x" is there; accepted is a list.',
      'Row 3, employees.0: 7 is there; accepted is an employee with its fields by name.',
      'Row 5, sites.0: 5 is there; accepted is a site with its fields by name.',
    ]);
  });
});

describe('the example of the guide', () => {
  const guide = readFileSync(join(import.meta.dirname, '../../docs/your-plant.md'), 'utf8');
  const block = (language: string): string => new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(guide)?.[1] ?? '';

  it('is right, and says the same in CSV and in YAML', () => {
    const plant = readPlantCsv(block('csv'));
    expect(plant.sites[0]?.lines[0]?.machines[0]?.signals.map((signal) => signal.name)).toEqual([
      'temperature',
      'vibration',
      'state',
      'good',
      'reject',
    ]);
    expect(readPlantYaml(block('yaml'))).toEqual(plant);
  });
});

describe('a file', () => {
  it('is written in the form that its name says, and read back equal', () => {
    const plant = readPlantCsv(small);
    const write = (name: string): string => {
      writePlantFile(join(folder, name), plant);
      expect(readPlantFile(join(folder, name))).toEqual(plant);
      return readFileSync(join(folder, name), 'utf8');
    };
    expect(JSON.parse(write('plant.json'))).toMatchObject({ enterprise: 'acme' });
    expect(write('plant.yaml')).toMatch(/^enterprise: acme\n/);
    expect(write('plant.CSV')).toMatch(/^\uFEFFrecord,/);
  });

  it('that cannot be written or read, or has another ending, is named', () => {
    const plant = readPlantCsv(small);
    const nowhere = join(folder, 'nowhere', 'x.csv');
    expect(() => writePlantFile(nowhere, plant)).toThrow(`The file "${nowhere}" cannot be written: ENOENT`);
    expect(() => readPlantFile(nowhere)).toThrow(`The file "${nowhere}" cannot be read: ENOENT`);
    expect(() => writePlantFile('x.xlsx', plant)).toThrow(
      /^The file is "x.xlsx"; accepted is a name that ends in .csv/,
    );
  });
});

describe('the reference plant', () => {
  it('comes back equal from CSV and from YAML', () => {
    const plant = referencePlant(1781);
    // One line of it is enough here; the database test spends the seconds that all of it takes.
    const [site] = plant.sites;
    if (site === undefined) throw new Error('no site');
    const part = { ...plant, sites: [{ ...site, lines: site.lines.slice(0, 1) }], employees: [] };
    expect(readPlantCsv(writePlantCsv(part))).toEqual(part);
    expect(readPlantCsv(writePlantCsv(part, ';'))).toEqual(part);
    expect(readPlantYaml(writePlantYaml(part))).toEqual(part);
  });
});
