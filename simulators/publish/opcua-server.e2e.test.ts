import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AttributeIds,
  ClientMonitoredItem,
  ClientSubscription,
  DataType,
  MessageSecurityMode,
  OPCUAClient,
  SecurityPolicy,
  StatusCodes,
  TimestampsToReturn,
  type ClientSession,
  type DataValue,
} from 'node-opcua';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../core/log.ts';
import { referencePlant } from '../../core/plant/reference-plant.ts';
import { waitUntil } from '../../core/testing/wait-until.ts';
import { createMess, readChances } from '../mess.ts';
import type { Publisher } from '../sent.ts';
import { createSimulatedPlant, type SimulatedPlant } from '../simulated-plant.ts';
import { openOpcuaPublisher } from './opcua-server.ts';

const monday = Date.UTC(2026, 2, 2, 9);
const folder = mkdtempSync(join(tmpdir(), 'millrace-opcua-'));
let url: string;
let plant: SimulatedPlant;
let publisher: Publisher;
let client: OPCUAClient;
let session: ClientSession;

beforeAll(async () => {
  url = `opc.tcp://127.0.0.1:${await freePort()}`;
  const mess = createMess(readChances('none'), 1);
  plant = createSimulatedPlant({ plant: referencePlant(1781), seed: 1781, mess, protocols: ['opcua'], maxLines: 2 });
  publisher = await openOpcuaPublisher({ urls: [url], machines: plant.machines, pkiFolder: folder, log: silentLog });
  client = OPCUAClient.create({
    endpointMustExist: false,
    securityMode: MessageSecurityMode.None,
    securityPolicy: SecurityPolicy.None,
    connectionStrategy: { maxRetry: 3 },
  });
  await client.connect(url);
  session = await client.createSession();
});
afterAll(async () => {
  await session.close();
  await client.disconnect();
  await publisher.close();
  rmSync(folder, { recursive: true });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => void server.close(resolve));
  return port;
}

describe('the OPC UA server of the simulated plant', () => {
  it('has every signal under its address, with its type', async () => {
    const namespaces = await session.readNamespaceArray();
    const index = namespaces.indexOf('urn:millrace:plant');
    expect(index).toBeGreaterThan(0);
    plant.advance(monday, (machine, samples) => publisher.publish(machine, samples));
    plant.advance(monday + 1000, (machine, samples) => publisher.publish(machine, samples));
    const signals = plant.machines.flatMap((machine) => machine.signals);
    const nodesToRead = signals.map(({ source }) => ({
      nodeId: source.address.replace('nsu=urn:millrace:plant', `ns=${index}`),
      attributeId: AttributeIds.Value,
    }));
    const values = await session.read(nodesToRead);
    const wrong = values.flatMap(({ statusCode, value, sourceTimestamp }, row) => {
      const kind = signals[row]?.plant.kind;
      const type =
        kind === 'measurement'
          ? DataType.Double
          : kind === 'state'
            ? DataType.Int32
            : kind === 'order'
              ? DataType.String
              : DataType.UInt32;
      const time = sourceTimestamp?.getTime() ?? 0;
      const isRight =
        statusCode.equals(StatusCodes.Good) && value.dataType === type && time > monday - 1 && time <= monday + 1000;
      return isRight ? [] : [`${signals[row]?.source.address} ${statusCode.toString()}`];
    });
    expect(wrong).toEqual([]);
    expect(values).toHaveLength(signals.length);
  });

  it('tells a subscriber every value with its source time, to the last digit', async () => {
    const [machine] = plant.machines;
    const signal = machine?.signals.find((each) => each.plant.name === 'temperature');
    if (machine === undefined || signal === undefined) throw new Error('no machine');
    const subscription = ClientSubscription.create(session, {
      requestedPublishingInterval: 50,
      publishingEnabled: true,
      requestedLifetimeCount: 1000,
      requestedMaxKeepAliveCount: 10,
    });
    const index = (await session.readNamespaceArray()).indexOf('urn:millrace:plant');
    const item = ClientMonitoredItem.create(
      subscription,
      {
        nodeId: signal.source.address.replace('nsu=urn:millrace:plant', `ns=${index}`),
        attributeId: AttributeIds.Value,
      },
      { samplingInterval: 0, queueSize: 1000, discardOldest: true },
      TimestampsToReturn.Source,
    );
    const told: [number, number][] = [];
    item.on('changed', (data: DataValue) =>
      told.push([data.sourceTimestamp?.getTime() ?? 0, data.value.value as number]),
    );
    await waitUntil('the subscription has its first value', () => told.length === 1);
    told.length = 0;

    const said: [number, number][] = [];
    for (let time = monday + 2000; time < monday + 302_000; time += 1000) {
      plant.advance(time, (from, samples) => {
        for (const sample of samples) if (sample.signal === signal) said.push([sample.time_ms, sample.value as number]);
        publisher.publish(from, samples);
      });
    }
    // Two equal values in a row are one to a subscriber: the default filter looks at value and status.
    const changes = said.filter(([, value], row) => row === 0 || value !== said[row - 1]?.[1]);
    await waitUntil('all values have come', () => told.length >= changes.length - 1);
    expect(said).toHaveLength(300);
    expect(told.slice(-changes.length + 1)).toEqual(changes.slice(1));
    await subscription.terminate();
  });

  it('counts what it has been given, by endpoint', () => {
    const [counts] = publisher.counts();
    expect(counts).toMatchObject({ protocol: 'opcua', source: url, dropped: 0 });
    expect(counts?.sent).toBeGreaterThan(300 * plant.machines.length * 7);
    expect(counts?.changed).toBeLessThan(counts?.sent ?? 0);
  });
});
