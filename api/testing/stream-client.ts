import { get, type IncomingMessage } from 'node:http';
import { waitUntil } from '../../core/testing/wait-until.ts';
import type { StreamEvents } from '../schemas/stream.ts';

export interface StreamEvent<Name extends keyof StreamEvents = keyof StreamEvents> {
  name: Name;
  id: number;
  data: StreamEvents[Name];
}

/** A browser's side of the live stream over a real socket. */
export interface StreamReader {
  status: number;
  headers: IncomingMessage['headers'];
  events: StreamEvent[];
  ended: boolean;
  /** Waits for an event of this name after the first `skip` events, for which `wanted` holds. */
  next<Name extends keyof StreamEvents>(
    name: Name,
    wanted?: (data: StreamEvents[Name]) => boolean,
    skip?: number,
  ): Promise<StreamEvents[Name]>;
  pause(): void;
  resume(): void;
  close(): void;
}

/** Opens a stream; resolves when the head has arrived. */
export async function openStream(address: string, path: string, token: string): Promise<StreamReader> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = get(`${address}${path}`, { headers: { authorization: `Bearer ${token}` }, agent: false }, resolve);
    request.on('error', reject);
  });
  let text = '';
  const reader: StreamReader = {
    status: response.statusCode ?? 0,
    headers: response.headers,
    events: [],
    ended: false,
    async next(name, wanted = () => true, skip = 0) {
      const found = await waitUntil(`an event ${name} came`, () =>
        reader.events.slice(skip).find((event) => event.name === name && wanted(event.data as never)),
      );
      return found.data as never;
    },
    pause: () => void response.pause(),
    resume: () => void response.resume(),
    close: () => void response.destroy(),
  };
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    text += chunk;
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const event = parseEvent(block);
      if (event !== undefined) reader.events.push(event);
    }
  });
  response.on('close', () => {
    reader.ended = true;
  });
  response.on('error', () => undefined);
  return reader;
}

function parseEvent(block: string): StreamEvent | undefined {
  const fields = new Map(
    block.split('\n').map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]),
  );
  const name = fields.get('event');
  if (name === undefined) return undefined;
  return {
    name: name as keyof StreamEvents,
    id: Number(fields.get('id')),
    data: JSON.parse(fields.get('data') ?? 'null'),
  };
}
