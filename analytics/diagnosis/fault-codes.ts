import { type FailureMode, isFailureMode } from './signatures.ts';

/**
 * What the fault codes of the plant's controllers mean, as failure modes. These are the reference plant's; a plant with
 * other controllers lists its own here (docs/decisions/work-orders.md). A code that is not listed is a failure of its own,
 * `plc_<code>`.
 */
const modeOfCode: ReadonlyMap<number, FailureMode> = new Map([
  [101, 'bearing'],
  [201, 'overheating'],
  [301, 'tool_wear'],
  [401, 'electrical'],
]);

/** The failure mode that a fault code stands for, undefined when it is not known. */
export function failureModeOfCode(code: number | null): FailureMode | undefined {
  return code === null ? undefined : modeOfCode.get(code);
}

/** What is known of the machine's failures when a controller gives its fault code. */
export interface KnownFailure {
  failure_mode: string;
  /** Its fault is over for longer than the code may come after it; only its work order is still open. */
  is_old: boolean;
}

/**
 * The failure mode of a fault code that no open fault explains. The code is often seen after the limits have returned,
 * because the machine stopped itself: then it belongs to the failure that was diagnosed just before, whatever the code.
 * It joins an order that is merely open unless it clearly says another mode. `known` is newest first.
 */
export function modeOfFaultCode(code: number | null, known: readonly KnownFailure[]): string {
  const mode = failureModeOfCode(code);
  const diagnosed = known.filter(({ failure_mode }) => isFailureMode(failure_mode));
  const recent = diagnosed.find(({ is_old }) => !is_old) ?? (mode === undefined ? diagnosed[0] : undefined);
  return recent?.failure_mode ?? mode ?? `plc_${code}`;
}
