import { describe, expect, it } from 'vitest';
import { buildPlant } from '../plant.ts';
import { createLimits, observeLimits } from './limits.ts';

/** One signal with limits 10, 20, 80, 90, a deadband of 5, an on-delay of 3 s and an off-delay of 4 s. */
function plantOf(quantity: string) {
  return buildPlant(
    [{ machine_id: 1, organization_id: 1, site_id: 1, name: 'm-001', criticality: 'B' }],
    [
      {
        signal_id: 1,
        organization_id: 1,
        machine_id: 1,
        name: quantity,
        kind: 'measurement',
        quantity,
        unit: '',
        expected_interval_seconds: 1,
        range_low: 0,
        range_high: 100,
        limit_low_low: 10,
        limit_low: 20,
        limit_high: 80,
        limit_high_high: 90,
        deadband: 5,
        on_delay_seconds: 3,
        off_delay_seconds: 4,
        counter_rollover: null,
      },
    ],
  );
}

/** Samples `second value`, a trailing `!` for a machine that does not run; answers `high 3, high off 9`. */
function observed(text: string, quantity = 'temperature'): string {
  const limits = createLimits(plantOf(quantity));
  const said: string[] = [];
  let last = 0;
  for (const part of text.split(', ')) {
    const [second = '0', value = '0'] = part.split(' ');
    const timeUs = Number(second) * 1e6;
    const running = !value.endsWith('!');
    observeLimits(limits, 0, timeUs, Number.parseFloat(value), running, last, ({ kind, raised, at_us }) =>
      said.push(`${kind.slice(6)}${raised ? '' : ' off'} ${at_us / 1e6}`),
    );
    last = timeUs;
  }
  return said.join(', ');
}

describe('limit alarms', () => {
  it.each([
    ['begin when the condition has lasted for the on-delay, at its first sample', '0 50, 1 80, 2 81, 4 82', 'high 1'],
    ['do not begin on a short peak', '0 50, 1 85, 3 79, 4 85, 6 85', ''],
    [
      'end below limit minus deadband after the off-delay',
      '0 85, 3 85, 5 76, 9 74, 12 74, 13 74',
      'high 0, high off 9',
    ],
    ['stay on when the value only dips', '0 85, 3 85, 5 70, 6 78, 9 70, 12 70', 'high 0'],
    [
      'each limit is an alarm of its own',
      '0 95, 3 95, 4 84, 8 84, 9 50, 13 50',
      'high 0, high_high 0, high_high off 4, high off 9',
    ],
    ['low alarms mirror high ones', '0 15, 3 15, 4 26, 8 26', 'low 0, low off 4'],
    ['a gap in the data starts the delay anew', '0 85, 60 85, 62 85', ''],
    [
      'nor does it end one that nobody saw return',
      '0 85, 3 85, 6 85, 10 70, 3610 70, 3613 70, 3614 70',
      'high 0, high off 3610',
    ],
    ['inner limits wait for the machine to run', '0 85!, 5 85!, 6 85, 9 85', 'high 6'],
    ['outer limits do not', '0 95!, 3 95!', 'high_high 0'],
    ['an alarm that fires goes on when the machine stops', '0 85, 3 85, 4 85!, 5 50!, 9 50!', 'high 0, high off 5'],
  ])('%s', (_name, text, expected) => {
    expect(observed(text)).toBe(expected);
  });

  it('a machine at rest has no lowest speed', () => {
    expect(observed('0 0!, 5 0!', 'speed')).toBe('');
    expect(observed('0 0!, 5 0!', 'level')).toBe('low_low 0');
  });
});
