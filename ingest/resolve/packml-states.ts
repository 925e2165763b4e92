/**
 * PackML StateCurrent numbers by name (ANSI/ISA TR88.00.02 PackTags). Names are matched without regard to case,
 * blanks, "-" and "_". OPC 30060 numbers the same states differently: such a machine should send names.
 */
const names = [
  'undefined',
  'clearing',
  'stopped',
  'starting',
  'idle',
  'suspended',
  'execute',
  'stopping',
  'aborting',
  'aborted',
  'holding',
  'held',
  'unholding',
  'suspending',
  'unsuspending',
  'resetting',
  'completing',
  'complete',
] as const;

const numbers = new Map<string, number>([
  ...names.map((name, number): [string, number] => [name, number]),
  ['completed', 17],
  ['executing', 6],
]);

/** The state number of a name such as "Execute" or "UN-HOLDING", or undefined when it is none. */
export function packmlState(name: string): number | undefined {
  return numbers.get(name.length > 32 ? '' : name.toLowerCase().replace(/[\s_-]/g, ''));
}

/** Whether a number is a PackML state: 0 (Undefined) to 17 (Complete). */
export function isPackmlState(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 17;
}
