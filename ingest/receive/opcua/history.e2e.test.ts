import { DataType, StatusCodes } from 'node-opcua';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { now } from '../../../core/clock.ts';
import { waitUntil } from '../../../core/testing/wait-until.ts';
import { openTcpProxy } from '../../../simulators/faults/tcp-proxy.ts';
import { type OpcuaStage, openOpcuaStage, opcuaSignal as signal, valuesOf } from '../testing/opcua-stage.ts';

// What ingest missed while it did not run, read from the history of a real server of node-opcua.
let stage: OpcuaStage;
beforeAll(async () => {
  stage = await openOpcuaStage();
});
afterEach(() => stage.closeAll());
afterAll(() => stage.remove());

const double = (name: string, history = true) => ({ name, dataType: DataType.Double, value: -1, history });

test('nodes that get no continuation point are read when the others have given theirs back', async () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const server = await stage.serve({ variables: names.map((name) => double(name)), mostHistoryPoints: 1 });
  const signals = names.map((name, index) => signal(index + 1, server.addressOf(name)));
  const settings = { DATA_DIR: `${stage.directory}/points` };
  const first = await stage.receive([server.url], signals, { settings });
  await waitUntil('the first values are there', () => first.intake.readings(server.url).length === names.length);
  await first.receiver.close();
  // More than one page of 1,000 values.
  const begin = now();
  for (const name of names)
    for (let value = 0; value < 1500; value++) server.set(name, value, { time: new Date(begin + value) });
  await waitUntil('they are the past', () => now() > begin + 1500);
  const { intake, status } = await stage.receive([server.url], signals, { settings });
  const all = Array.from({ length: 1500 }, (_, value) => value);
  for (const index of names.keys()) {
    const values = () => valuesOf(intake, server.url, index + 1).filter((value) => value !== -1);
    await waitUntil('all its values are there', () => values().length === 1500, { limitMs: 15_000 });
    expect(values()).toEqual(all);
  }
  expect(status(server.url)).toMatchObject({ unfilled_outages: 0 });
});

test('an outage is not filled as long as the history of one node is refused, though others give theirs', async () => {
  const server = await stage.serve({
    variables: [double('a'), double('b')],
    historyRefusals: { b: StatusCodes.BadDataLost },
  });
  const signals = [signal(1, server.addressOf('a')), signal(2, server.addressOf('b'))];
  const settings = { DATA_DIR: `${stage.directory}/refused` };
  const first = await stage.receive([server.url], signals, { settings });
  await waitUntil('the first values are there', () => first.intake.readings(server.url).length === 2);
  await first.receiver.close();
  const closed = now();
  await waitUntil('time has passed', () => now() > closed + 500);
  server.set('a', 1);
  const { status } = await stage.receive([server.url], signals, { settings });
  await waitUntil('the history is read', () => Number(status(server.url)['backfilled_values']) > 0);
  await waitUntil('the outage is counted', () => status(server.url)['unfilled_outages'] === 1, { limitMs: 3000 });
  expect(status(server.url)).toMatchObject({ lost_in_outages: 'unknown' });
});

/** Several values, each sampled before the next one is set. */
async function setEach(set: (value: number) => void, values: readonly number[]): Promise<void> {
  for (const value of values) {
    const setAt = performance.now();
    set(value);
    await waitUntil('the server has sampled it', () => performance.now() - setAt > 120);
  }
}

test.each([
  ['a minute behind ours', 60_000],
  ['a minute ahead of ours', -60_000],
])('with a clock of the server that is %s, the time in which ingest did not run is filled', async (_, oursMs) => {
  const server = await stage.serve({ variables: [double('a')] });
  const settings = { DATA_DIR: `${stage.directory}/skewed${oursMs}` };
  const signals = [signal(1, server.addressOf('a'))];
  const clock = () => now() + oursMs;
  const first = await stage.receive([server.url], signals, { settings, clock });
  await waitUntil('the first value is there', () => first.intake.readings(server.url).length === 1);
  await first.receiver.close();
  await setEach((value) => server.set('a', value), [1, 2, 3, 4, 5]);
  const { intake, status } = await stage.receive([server.url], signals, { settings, clock });
  await waitUntil('what was missed is there', () => valuesOf(intake, server.url, 1).join().endsWith('1,2,3,4,5'));
  expect(status(server.url)).toMatchObject({ unfilled_outages: 0 });
});

test('an overflow is filled though the clock of the source is a minute ahead of the server', async () => {
  const server = await stage.serve();
  const time = () => ({ time: new Date(now() + 60_000) });
  server.addVariable('a', DataType.Double, 0, { history: true });
  server.set('a', 1, time());
  const proxy = await openTcpProxy({ port: server.port });
  stage.onClose(() => proxy.close());
  const url = `opc.tcp://127.0.0.1:${proxy.port}`;
  // Sampled every 50 ms, for 1 s: 20 values.
  const { intake, status } = await stage.receive([url], [signal(1, server.addressOf('a'))], {
    settings: { OPCUA_OUTAGE_SECONDS: '1' },
    staleAfterMs: 600_000,
  });
  await waitUntil('the first value is there', () => valuesOf(intake, url, 1).length === 1);
  await proxy.refuse();
  await waitUntil('the cut is seen', () => status(url)['connected'] === false);
  const values = Array.from({ length: 30 }, (_, index) => index + 2);
  await setEach((value) => server.set('a', value, time()), values);
  await proxy.heal();
  await waitUntil('the overflow is counted', () => status(url)['queue_overflows'] === 1, { limitMs: 30_000 });
  await waitUntil('the history has filled it', () => valuesOf(intake, url, 1).length === 31, { limitMs: 30_000 });
  expect(valuesOf(intake, url, 1)).toEqual([1, ...values]);
});
