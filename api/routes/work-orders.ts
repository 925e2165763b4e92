import type { FastifyRequest } from 'fastify';
import type { Connection } from '../../core/database.ts';
import { ask, change, employeeOf, needRole, type Api, type App } from '../context.ts';
import { notFound, ProblemError } from '../problem.ts';
import { createWorkOrder, type OpenOrder } from '../queries/create-work-order.ts';
import { noteMerge } from '../queries/move-work-order.ts';
import { listEmployees } from '../queries/employees.ts';
import { listMaintenancePlans } from '../queries/maintenance-plans.ts';
import { listWorkOrders, readWorkOrder } from '../queries/work-orders.ts';
import { employeePage, employeesQuery } from '../schemas/employee.ts';
import { maintenancePlanPage, maintenancePlansQuery } from '../schemas/maintenance-plan.ts';
import {
  createWorkOrderBody,
  transitionBody,
  workOrderDetail,
  workOrderPage,
  workOrdersQuery,
  type WorkOrderDetail,
} from '../schemas/work-order.ts';
import { allowedTransitions, mayCreate } from '../work-order-rules.ts';
import { eventIdParameters } from './parameters.ts';
import { transition } from './work-order-transition.ts';

/** Work orders, maintenance plans, and who does the work. */
export function addWorkOrders(app: App, api: Api): void {
  const tags = ['maintenance'];

  async function readDetail(connection: Connection, request: FastifyRequest, id: number): Promise<WorkOrderDetail> {
    const order = await readWorkOrder(connection, id, api.clock());
    if (order === undefined) throw notFound('work order', id);
    return { ...order, transitions: allowedTransitions(order.state, order.assigned_to, employeeOf(request)) };
  }

  app.get(
    '/work-orders',
    {
      schema: {
        tags,
        summary: 'Work orders, newest first',
        querystring: workOrdersQuery,
        response: { 200: workOrderPage },
      },
    },
    (request) => ask(api, request, (connection) => listWorkOrders(connection, request.query, api.clock())),
  );
  app.get(
    '/work-orders/:id',
    {
      schema: {
        tags,
        summary: 'One work order with its evidence and history',
        params: eventIdParameters,
        response: { 200: workOrderDetail },
      },
    },
    (request) => ask(api, request, (connection) => readDetail(connection, request, request.params.id)),
  );
  app.post(
    '/work-orders',
    {
      schema: {
        tags,
        summary: 'Report trouble; answers 409 with the open order where there is one',
        body: createWorkOrderBody,
        response: { 201: workOrderDetail },
      },
    },
    async (request, reply) => {
      const { employee_id, organization_id } = needRole(request, mayCreate);
      const { machine_id } = request.body;
      const order = await change(api, request, async (connection) => {
        const outcome = await createWorkOrder(connection, organization_id, employee_id, request.body);
        if (outcome === undefined) throw notFound('machine', machine_id);
        if ('existing' in outcome) {
          throw openOrderInTheWay(
            outcome.existing,
            `Machine ${machine_id} already has an open order for ${request.body.failure_mode}`,
          );
        }
        return readDetail(connection, request, outcome.created);
      });
      return reply.code(201).header('location', `/api/v1/work-orders/${order.work_order_id}`).send(order);
    },
  );
  app.post(
    '/work-orders/:id/transition',
    {
      schema: {
        tags,
        summary: 'Move a work order to another state',
        params: eventIdParameters,
        body: transitionBody,
        response: { 200: workOrderDetail },
      },
    },
    (request) =>
      change(api, request, async (connection) => {
        const { id } = request.params;
        const into = await transition(connection, employeeOf(request), id, request.body);
        if (into !== undefined) {
          const { employee_id, organization_id } = employeeOf(request);
          await noteMerge(connection, organization_id, employee_id, id, into, request.body.note);
        }
        return readDetail(connection, request, id);
      }),
  );
  app.get(
    '/employees',
    {
      schema: {
        tags,
        summary: 'To whom work can be given',
        querystring: employeesQuery,
        response: { 200: employeePage },
      },
    },
    (request) => ask(api, request, (connection) => listEmployees(connection, request.query)),
  );
  app.get(
    '/maintenance-plans',
    {
      schema: {
        tags,
        summary: 'Planned maintenance',
        querystring: maintenancePlansQuery,
        response: { 200: maintenancePlanPage },
      },
    },
    (request) => ask(api, request, (connection) => listMaintenancePlans(connection, request.query)),
  );
}

/** The 409 that names the order in the way and links to it, so that nobody is refused without seeing why. */
export function openOrderInTheWay(order: OpenOrder, because: string): ProblemError {
  return new ProblemError('conflict', `${because}: ${order.number} (${order.state}).`, {
    existing: {
      id: order.work_order_id,
      number: order.number,
      state: order.state,
      link: `/api/v1/work-orders/${order.work_order_id}`,
    },
  });
}
