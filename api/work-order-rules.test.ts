import { expect, test } from 'vitest';
import { role, type Role } from './schemas/session.ts';
import { workOrderState, type WorkOrderState } from './schemas/work-order.ts';
import { allowedTransitions, judgeTransition, missingFields, statesBefore } from './work-order-rules.ts';

const me = 7;

// Every move that exists: from, to, and who may make it. P planner, E engineer, S supervisor, T the assigned technician.
// An administrator may make all of them; operator, viewer and a technician of other orders none.
const moves: Record<string, string> = {
  'proposed approved': 'PES',
  'proposed rejected': 'PES',
  'proposed merged': 'PES',
  'proposed cancelled': 'PES',
  'approved scheduled': 'PES',
  'approved in_progress': 'PEST',
  'approved cancelled': 'PES',
  'scheduled in_progress': 'PEST',
  'scheduled cancelled': 'PES',
  'in_progress on_hold': 'PEST',
  'in_progress work_done': 'ST',
  'in_progress cancelled': 'PES',
  'on_hold in_progress': 'PEST',
  'on_hold cancelled': 'PES',
  'work_done closed': 'PES',
  'work_done cancelled': 'PES',
  'closed in_progress': 'PES',
};
const letters: Partial<Record<Role, string>> = { planner: 'P', engineer: 'E', supervisor: 'S', technician: 'T' };

function expected(from: WorkOrderState, to: WorkOrderState, who: Role, isOwn: boolean): string {
  const allowed = moves[`${from} ${to}`];
  if (allowed === undefined) return 'no such move';
  if (who === 'administrator') return 'allowed';
  if (who === 'technician' && !isOwn) return 'not yours';
  return allowed.includes(letters[who] ?? '-') ? 'allowed' : 'not yours';
}

test("every pair of states for every role, for own and for others' orders, is judged as the table says", () => {
  let judged = 0;
  for (const from of workOrderState.options) {
    for (const to of workOrderState.options) {
      for (const who of role.options) {
        for (const assignedTo of [me, 8, null]) {
          const mover = { employee_id: me, role: who };
          expect(judgeTransition(from, to, assignedTo, mover), `${who} ${from} → ${to} of ${assignedTo}`).toBe(
            expected(from, to, who, assignedTo === me),
          );
          judged++;
        }
      }
    }
  }
  expect(judged).toBe(10 * 10 * 7 * 3);
});

test('the buttons offered are exactly the moves allowed', () => {
  for (const from of workOrderState.options) {
    for (const who of role.options) {
      const mover = { employee_id: me, role: who };
      const offered = allowedTransitions(from, me, mover);
      expect(offered.sort()).toEqual(
        workOrderState.options.filter((to) => expected(from, to, who, true) === 'allowed').sort(),
      );
    }
  }
});

test('the states that SQL accepts before a move are those of the table', () => {
  for (const to of workOrderState.options) {
    const before = Object.keys(moves)
      .filter((move) => move.endsWith(` ${to}`))
      .map((move) => move.split(' ')[0] ?? '')
      .sort((a, b) => a.localeCompare(b));
    expect(statesBefore(to).sort((a, b) => a.localeCompare(b))).toEqual(before);
  }
});

test('a move names what it needs', () => {
  expect(missingFields({ from: 'proposed', to: 'rejected' })).toEqual(['note']);
  expect(missingFields({ from: 'proposed', to: 'rejected', note: '' })).toEqual(['note']);
  expect(missingFields({ from: 'approved', to: 'scheduled', assigned_to: 3 })).toEqual(['scheduled_at']);
  expect(missingFields({ from: 'in_progress', to: 'on_hold' })).toEqual(['hold_reason']);
  expect(missingFields({ from: 'in_progress', to: 'work_done', outcome: 'confirmed' })).toEqual([]);
});
