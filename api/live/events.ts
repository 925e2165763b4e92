import type { StreamEvents } from '../schemas/stream.ts';

/** Serialises events once for all clients of a scope. Ids only rise, also over restarts, because they start at the clock. */
export interface EventWriter {
  write<Name extends keyof StreamEvents>(name: Name, data: StreamEvents[Name]): Buffer;
}

export function createEventWriter(startMs: number): EventWriter {
  let id = startMs * 1000;
  return {
    write(name, data) {
      id += 1;
      return Buffer.from(`event: ${name}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`);
    },
  };
}
