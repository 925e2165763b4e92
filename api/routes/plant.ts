import { ask, type Api, type App } from '../context.ts';
import { notFound } from '../problem.ts';
import { readMachineDetail } from '../queries/machine-detail.ts';
import { listMachines } from '../queries/machines.ts';
import { listLines, listSites } from '../queries/sites.ts';
import { pageQuery } from '../schemas/common.ts';
import { machineDetail, machinePage, machinesQuery } from '../schemas/machine.ts';
import { linePage, linesQuery, sitePage } from '../schemas/site.ts';
import { idParameters } from './parameters.ts';

/** Sites, lines and machines. */
export function addPlant(app: App, api: Api): void {
  const tags = ['plant'];
  app.get(
    '/sites',
    { schema: { tags, summary: 'Sites', querystring: pageQuery, response: { 200: sitePage } } },
    (request) => ask(api, request, (connection) => listSites(connection, request.query)),
  );
  app.get(
    '/lines',
    { schema: { tags, summary: 'Lines', querystring: linesQuery, response: { 200: linePage } } },
    (request) => ask(api, request, (connection) => listLines(connection, request.query)),
  );
  app.get(
    '/machines',
    {
      schema: {
        tags,
        summary: 'Machines with their present state',
        querystring: machinesQuery,
        response: { 200: machinePage },
      },
    },
    (request) => ask(api, request, (connection) => listMachines(connection, request.query)),
  );
  app.get(
    '/machines/:id',
    {
      schema: {
        tags,
        summary: 'One machine with everything its page shows first',
        params: idParameters,
        response: { 200: machineDetail },
      },
    },
    async (request) => {
      const { id } = request.params;
      const machine = await ask(api, request, (connection) => readMachineDetail(connection, id, api.clock()));
      if (machine === undefined) throw notFound('machine', id);
      return machine;
    },
  );
}
