import type { Role } from './schemas/session.ts';
import type { TransitionBody, WorkOrderState } from './schemas/work-order.ts';

/**
 * The life of a work order and who may move it:
 * proposed → approved → scheduled → in_progress ⇄ on_hold → work_done → closed, with the exits rejected, merged and
 * cancelled, and a reopening of closed orders within a day. A technician moves only orders assigned to them. An
 * administrator may make every move that exists; nobody may make one that does not.
 */
interface Rule {
  from: readonly WorkOrderState[];
  to: WorkOrderState;
  roles: readonly Role[];
  /** Also the technician to whom the order is assigned. */
  own?: true;
  needs?: readonly (keyof TransitionBody)[];
}

const planners: readonly Role[] = ['planner', 'supervisor', 'engineer'];
const openStates: readonly WorkOrderState[] = [
  'proposed',
  'approved',
  'scheduled',
  'in_progress',
  'on_hold',
  'work_done',
];

const rules: readonly Rule[] = [
  { from: ['proposed'], to: 'approved', roles: planners },
  { from: ['proposed'], to: 'rejected', roles: planners, needs: ['note'] },
  { from: ['proposed'], to: 'merged', roles: planners, needs: ['merge_into'] },
  { from: ['approved'], to: 'scheduled', roles: planners, needs: ['assigned_to', 'scheduled_at'] },
  { from: ['approved', 'scheduled', 'on_hold'], to: 'in_progress', roles: planners, own: true },
  { from: ['in_progress'], to: 'on_hold', roles: planners, own: true, needs: ['hold_reason'] },
  { from: ['in_progress'], to: 'work_done', roles: ['supervisor'], own: true, needs: ['outcome'] },
  { from: ['work_done'], to: 'closed', roles: planners },
  { from: openStates, to: 'cancelled', roles: planners, needs: ['note'] },
  { from: ['closed'], to: 'in_progress', roles: planners, needs: ['note'] },
];

/** A closed order may be reopened for this long; after that the same trouble is a new order. */
export const reopenHours = 24;

/** Who may report trouble. A viewer only looks. */
export const mayCreate: readonly Role[] = ['engineer', 'planner', 'supervisor', 'technician', 'operator'];

export interface Mover {
  employee_id: number;
  role: Role;
}

/** The states into which `mover` may move an order that is in `from` and assigned to `assignedTo`. */
export function allowedTransitions(from: WorkOrderState, assignedTo: number | null, mover: Mover): WorkOrderState[] {
  return rules.filter((rule) => rule.from.includes(from) && mayMove(rule, assignedTo, mover)).map((rule) => rule.to);
}

/**
 * Whether a move may be made, as 'allowed', 'no such move' (nobody can), or 'not yours' (somebody else can).
 */
export function judgeTransition(
  from: WorkOrderState,
  to: WorkOrderState,
  assignedTo: number | null,
  mover: Mover,
): 'allowed' | 'no such move' | 'not yours' {
  const rule = findRule(from, to);
  if (rule === undefined) return 'no such move';
  return mayMove(rule, assignedTo, mover) ? 'allowed' : 'not yours';
}

/** The states from which `to` can be reached at all; the statement that moves an order repeats it in SQL. */
export function statesBefore(to: WorkOrderState): WorkOrderState[] {
  return [...new Set(rules.filter((rule) => rule.to === to).flatMap((rule) => rule.from))];
}

/** The fields that a move needs and the caller did not give. */
export function missingFields(body: TransitionBody): (keyof TransitionBody)[] {
  const needs = findRule(body.from, body.to)?.needs ?? [];
  return needs.filter((field) => body[field] === undefined || body[field] === '');
}

function findRule(from: WorkOrderState, to: WorkOrderState): Rule | undefined {
  return rules.find((rule) => rule.to === to && rule.from.includes(from));
}

function mayMove(rule: Rule, assignedTo: number | null, mover: Mover): boolean {
  if (mover.role === 'administrator' || rule.roles.includes(mover.role)) return true;
  return rule.own === true && mover.role === 'technician' && assignedTo === mover.employee_id;
}
