import { PackState, packStateNames } from '../../core/packml.ts';

const numbers = new Map<string, number>([
  ...Array.from(packStateNames, ([number, name]): [string, number] => [name.toLowerCase(), number]),
  ['completed', PackState.Complete],
  ['executing', PackState.Execute],
]);

/**
 * The state number of a name such as "Execute" or "UN-HOLDING", or undefined when it is none. Names are matched without
 * regard to case, blanks, "-" and "_".
 */
export function packmlState(name: string): number | undefined {
  return numbers.get(name.length > 32 ? '' : name.toLowerCase().replace(/[\s_-]/g, ''));
}

/** Whether a number is a PackML state: 0 (Undefined) to 17 (Complete). */
export function isPackmlState(value: number): boolean {
  return packStateNames.has(value);
}
