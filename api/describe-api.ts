import fastifySwagger from '@fastify/swagger';
import { createJsonSchemaTransform } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { App } from './context.ts';
import { problem } from './schemas/problem.ts';

/** Makes /openapi.json (OpenAPI 3.1) from the routes' own schemas; register it before the routes. */
export async function describeApi(app: App): Promise<void> {
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Millrace',
        version: '1',
        description:
          'A plant: its readings, OEE, alarms and work orders. Lists take `limit` and `cursor` and answer `next`. ' +
          'Errors are problem details (RFC 9457). Times are RFC 3339, UTC; in columns and in the stream they are numbers, ' +
          'whose names end in their unit (`time_ms`).',
      },
      components: {
        securitySchemes: {
          session: { type: 'apiKey', in: 'cookie', name: 'millrace_session' },
          token: { type: 'http', scheme: 'bearer' },
        },
      },
      security: [{ session: [] }, { token: [] }],
    },
    transform: createJsonSchemaTransform({}),
  });
  // Every route has a name for generated clients and can answer a problem; said once here instead of in each of them.
  app.addHook('onRoute', (route) => {
    if (route.schema === undefined || route.schema.hide === true) return;
    const response = (route.schema.response ?? {}) as Record<string, unknown>;
    response['default'] ??= { description: 'A problem', content: { 'application/problem+json': { schema: problem } } };
    route.schema.response = response;
    route.schema.operationId ??= operationIdOf([route.method].flat()[0] ?? '', route.url);
  });
  app.get(
    '/openapi.json',
    {
      schema: {
        tags: ['about'],
        summary: 'This description',
        security: [],
        response: { 200: z.record(z.string(), z.unknown()) },
      },
    },
    () => ({ ...app.swagger({ yaml: false }) }),
  );
}

/** `GET /api/v1/signals/:id/readings` is `getSignalsByIdReadings`. */
function operationIdOf(method: string, url: string): string {
  const words = url
    .replace('/api/v1', '')
    .replaceAll(':', 'by-')
    .split(/[^a-z]+/i);
  return method.toLowerCase() + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}
