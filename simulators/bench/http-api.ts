import { freePort } from '../../core/embedded/postgres.ts';
import type { BenchProcess } from './bench-process.ts';
import type { Bench } from './context.ts';

/** The real API as a process, and a session at it. */
export interface BenchApi {
  room: BenchProcess;
  address: string;
  token: string;
  /** GETs a path below /api/v1 and answers the body's text. Throws on any status but 200. */
  get(path: string): Promise<string>;
  /** Calls `onEvent` for each event of the live stream until `signal` aborts. */
  stream(topics: string, onEvent: (event: string, data: string) => void, signal: AbortSignal): Promise<void>;
}

const email = 'bench@millrace.local';
const password = 'bench-password-1781';

export async function startApi(bench: Bench, databaseUrl: string): Promise<BenchApi> {
  const port = await freePort();
  const room = await bench.room('api/main.ts', {
    DATABASE_URL: databaseUrl,
    REDIS_URL: '',
    HTTP_PORT: String(port),
    ADMIN_EMAIL: email,
    ADMIN_PASSWORD: password,
  });
  const address = `http://127.0.0.1:${port}`;
  const answer = await fetch(`${address}/api/v1/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password }),
  });
  const { token } = (await answer.json()) as { token?: string };
  if (token === undefined) throw new Error(`The API did not let the bench in (${answer.status}).`);
  const headers = { authorization: `Bearer ${token}` };
  return {
    room,
    address,
    token,
    async get(path) {
      const response = await fetch(`${address}/api/v1${path}`, { headers });
      const text = await response.text();
      if (response.status !== 200) throw new Error(`GET ${path} answered ${response.status}: ${text.slice(0, 300)}`);
      return text;
    },
    async stream(topics, onEvent, signal) {
      const response = await fetch(`${address}/api/v1/stream?topics=${topics}`, { headers, signal });
      if (response.status !== 200 || response.body === null) throw new Error(`The stream answered ${response.status}.`);
      let text = '';
      const decoder = new TextDecoder();
      try {
        for await (const chunk of response.body) {
          text += decoder.decode(chunk as Uint8Array, { stream: true });
          for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
            const lines = text.slice(0, end).split('\n');
            text = text.slice(end + 2);
            const event = lines.find((line) => line.startsWith('event: '))?.slice(7);
            const data = lines.find((line) => line.startsWith('data: '))?.slice(6);
            if (event !== undefined && data !== undefined) onEvent(event, data);
          }
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    },
  };
}
