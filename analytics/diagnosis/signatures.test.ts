import { describe, expect, it } from 'vitest';
import { diagnose, explains, type Symptom } from './signatures.ts';

/** `vibration 20@10` is a vibration 20 spreads up since second 10; without @ it is not abnormal. */
function symptoms(text: string): Symptom[] {
  return text.split(', ').map((part) => {
    const [quantity = '', number = '0'] = part.split(' ');
    const [deviation, since] = number.split('@');
    return { quantity, deviation: Number(deviation), since_ms: since === undefined ? null : Number(since) * 1000 };
  });
}

describe('signatures', () => {
  it.each([
    ['vibration 20@0, temperature 1, voltage 0', 'bearing'],
    ['vibration 30@0, temperature 18@600, current 5', 'bearing'],
    ['vibration 12@0, acoustic 9@5', 'bearing'],
    ['temperature 20@0, vibration 3, speed -3', 'overheating'],
    ['temperature 14@0, flow -12@100, vibration 2', 'overheating'],
    ['torque 16@0, current 12@0, vibration 5@60', 'tool_wear'],
    ['torque 20@0, current 14@0, power 14@0, vibration 12@900', 'tool_wear'],
    ['voltage -14@0, current 10@30, temperature 2', 'electrical'],
    ['voltage -30@0, current 30@10, temperature 14@900', 'electrical'],
    ['pressure 20@0', 'unknown'],
    ['vibration 2, temperature 3', 'unknown'],
    ['torque 16@5, voltage 16@5', 'unknown'],
  ])('%s is %s', (text, expected) => {
    expect(diagnose(symptoms(text)).failure_mode).toBe(expected);
  });

  it('lets the order of onset decide between heat and vibration of equal strength', () => {
    expect(diagnose(symptoms('vibration 16@0, temperature 16@900')).failure_mode).toBe('bearing');
  });

  it('is more confident the clearer the picture', () => {
    const faint = diagnose(symptoms('vibration 8@0'));
    const clear = diagnose(symptoms('vibration 30@0'));
    expect(faint.failure_mode).toBe('bearing');
    expect(clear.confidence).toBeGreaterThan(faint.confidence);
  });
});

describe('consequences', () => {
  it('a bearing explains heat, overheating does not explain vibration', () => {
    expect(explains('bearing', 'temperature', 10)).toBe(true);
    expect(explains('overheating', 'vibration', 10)).toBe(false);
    expect(explains('plc_101', 'temperature', 10)).toBe(false);
  });
});
