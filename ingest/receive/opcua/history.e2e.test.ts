import { DataType, StatusCodes } from 'node-opcua';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { now } from '../../../core/clock.ts';
import { waitUntil } from '../../../core/testing/wait-until.ts';
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
