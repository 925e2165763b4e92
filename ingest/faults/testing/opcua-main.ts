import { DataType } from 'node-opcua';
import { now } from '../../../core/clock.ts';
import { startOpcuaServer } from '../../receive/testing/opcua-server.ts';

/** What the server tells whoever started it. */
export type OpcuaMessage =
  | { ready: true; url: string }
  /** Each variable was set at this time; the first one to `first`, the next one to an eighth more, and so on. */
  | { written_ms: number; first: number }
  | { finished: true };

// An OPC UA server with history as a process of its own: `opcua-main.ts <pki folder> <variables> <ms between writings>`
// writes all variables t-1, t-2, … once, and from the first message to the second one again and again, every time with
// the source time of now.
const [, , pki = '', count = '', everyMs = ''] = process.argv;
const names = Array.from({ length: Number(count) }, (_, index) => `t-${index + 1}`);
let writtenMs = now();
let number = 0;

const tell = (message: OpcuaMessage): void => void process.send?.(message);
function nextValues(): { name: string; value: number }[] {
  tell({ written_ms: writtenMs, first: number / 8 });
  return names.map((name) => ({ name, value: number++ / 8 }));
}

const time = new Date(writtenMs);
const server = await startOpcuaServer({
  pki,
  reportsEveryChange: true,
  variables: nextValues().map((variable) => ({ ...variable, dataType: DataType.Double, history: true, time })),
});
function write(): void {
  writtenMs = Math.max(writtenMs + 1, now());
  for (const { name, value } of nextValues()) server.set(name, value, { time: new Date(writtenMs) });
}
process.once('message', () => {
  const writing = setInterval(write, Number(everyMs));
  process.once('message', () => {
    clearInterval(writing);
    tell({ finished: true });
  });
});
process.once('disconnect', () => process.exit(0));
tell({ ready: true, url: server.url });
