import { describe, expect, it } from 'vitest';
import { jsonValue, signalName } from './row-value.ts';

describe('a cell as JSON', () => {
  it.each([
    ['0.0265878', '0.0265878'],
    ['32.0', '32.0'],
    ['-1.50', '-1.50'],
    ['1e-05', '1e-05'],
    ['123456789012345678.123', '123456789012345678.123'],
    ['+5', '5'],
    ['.5', '0.5'],
    ['-.5', '-0.5'],
    ['5.', '5'],
    ['007', '7'],
    ['00.10', '0.10'],
    ['TRUE', 'true'],
  ])('%s is %s', (cell, json) => {
    expect(jsonValue(cell, false)).toBe(json);
    expect(() => JSON.parse(json)).not.toThrow();
  });

  it('knows decimal commas only where they are meant', () => {
    expect(jsonValue('1,50', true)).toBe('1.50');
    expect(jsonValue('1,50', false)).toBeUndefined();
  });

  it('says nothing for an empty cell, and refuses what is no value', () => {
    expect(jsonValue('', false)).toBeNull();
    for (const cell of ['NaN', 'n/a', '1 2', '-', '.', 'e5', '0x10', 'Infinity', '1.2.3'])
      expect(jsonValue(cell, false)).toBeUndefined();
  });
});

describe('the name of a signal', () => {
  it('is the column in lower case, without blanks and what topics cannot have', () => {
    expect(signalName(' Volume Flow RateRMS ')).toBe('volume_flow_raterms');
    expect(signalName('Temp/Inlet #2 +')).toBe('temp_inlet_2_');
    expect(signalName('Öl-Druck')).toBe('öl-druck');
  });
});
