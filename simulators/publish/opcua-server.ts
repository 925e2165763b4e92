import { join } from 'node:path';
import type { Log } from '../../core/log.ts';
import type { Emit, SimulatedMachine, SimulatedSignal } from '../simulated-plant.ts';
import type { Publisher, SentCounts } from '../sent.ts';
import type { OPCUACertificateManager, OPCUAServer, UAObject, UAVariable } from 'node-opcua';

/** The namespace of the plant's nodes; part of the address contract. */
const namespaceUri = 'urn:millrace:plant';

export interface OpcuaOptions {
  /** Where to listen, such as opc.tcp://127.0.0.1:4840; with several, the lines are shared out among them. */
  urls: readonly string[];
  machines: readonly SimulatedMachine[];
  /** Own certificate and trusted ones; made when missing. */
  pkiFolder: string;
  log: Log;
}

/**
 * The lines that speak OPC UA, on one server for each URL: nodes `s=<enterprise>/<site>/<line>/<machine>/<signal>` in
 * namespace urn:millrace:plant, in folders of the same names. A client that subscribes is told values with their source
 * time. A server has no past: late, repeated and overtaken samples cannot be said, so they are left out here.
 */
export async function openOpcuaPublisher(options: OpcuaOptions): Promise<Publisher> {
  // Loaded only when needed: it takes half a second and 100 MB.
  const opcua = await import('node-opcua');
  const { urls, machines, pkiFolder, log } = options;
  const lineOf = (machine: SimulatedMachine): string => `${machine.site}/${machine.line}`;
  const lines = [...new Set(machines.map(lineOf))];
  const certificates = new opcua.OPCUACertificateManager({
    rootFolder: join(pkiFolder, 'own'),
    automaticallyAcceptUnknownCertificate: true,
  });
  await certificates.initialize();
  const servers: { counts: SentCounts; publish: Emit; close: () => Promise<void> }[] = [];
  const serverOf = new Map<SimulatedMachine, number>();
  for (const [index, url] of urls.entries()) {
    const own = machines.filter((machine) => lines.indexOf(lineOf(machine)) % urls.length === index);
    for (const machine of own) serverOf.set(machine, index);
    servers.push(await openServer(opcua, url, own, certificates));
    log.debug({ url, machines: own.length }, 'OPC UA server is up');
  }
  return {
    publish: (machine, samples) => servers[serverOf.get(machine) ?? -1]?.publish(machine, samples),
    isConnected: () => true,
    isBusy: () => false,
    counts: () => servers.map((server) => server.counts),
    async close() {
      await Promise.all(servers.map((server) => server.close()));
      await certificates.dispose();
    },
  };
}

type Opcua = typeof import('node-opcua');

async function openServer(
  opcua: Opcua,
  url: string,
  machines: readonly SimulatedMachine[],
  certificates: OPCUACertificateManager,
) {
  const { hostname, port, pathname } = new URL(url);
  const server = new opcua.OPCUAServer({
    host: hostname,
    port: Number(port || 4840),
    hostname,
    ...(pathname === '/' || pathname === '' ? {} : { resourcePath: pathname }),
    allowAnonymous: true,
    serverCertificateManager: certificates,
    userCertificateManager: certificates,
    buildInfo: { productName: 'Millrace simulator', manufacturerName: 'Millrace' },
    serverInfo: { applicationUri: 'urn:millrace:simulator', productUri: 'urn:millrace:simulator' },
    // 0: a client that asks for every change gets every change; otherwise they are coalesced over 50 ms.
    serverCapabilities: { maxSubscriptions: 100, maxMonitoredItemsPerSubscription: 10_000, minSupportedSampleRate: 0 },
    disableDiscovery: true,
    isAuditing: false,
  });
  await server.initialize();
  const variables = addNodes(opcua, server, machines);
  await server.start();
  const counts: SentCounts = {
    protocol: 'opcua',
    source: url,
    sent: 0,
    changed: 0,
    dropped: 0,
    messages: 0,
    waiting: 0,
  };
  const last = new Map<SimulatedSignal, { time: number; value: number | string }>();

  return {
    counts,
    publish: ((_machine, samples) => {
      for (const { signal, time_ms: time, value, is_late } of samples) {
        const before = last.get(signal);
        if (is_late === true || (before !== undefined && before.time >= time)) continue;
        const variable = variables.get(signal);
        if (variable === undefined) continue;
        variable.setValueFromSource(
          { dataType: dataTypeOf(opcua, signal), value },
          opcua.StatusCodes.Good,
          new Date(time),
        );
        last.set(signal, { time, value });
        counts.sent++;
        counts.messages++;
        if (before?.value !== value) counts.changed = (counts.changed ?? 0) + 1;
      }
    }) satisfies Emit,
    close: () => server.shutdown(0),
  };
}

function addNodes(
  opcua: Opcua,
  server: OPCUAServer,
  machines: readonly SimulatedMachine[],
): Map<SimulatedSignal, UAVariable> {
  const { addressSpace } = server.engine;
  if (addressSpace === null) throw new Error('The OPC UA server came up without an address space.');
  const namespace = addressSpace.registerNamespace(namespaceUri);
  const folders = new Map<string, UAObject>();
  const variables = new Map<SimulatedSignal, UAVariable>();

  function folder(path: string): UAObject {
    const existing = folders.get(path);
    if (existing !== undefined) return existing;
    const name = path.slice(path.lastIndexOf('/') + 1);
    const parent = path.includes('/')
      ? folder(path.slice(0, path.lastIndexOf('/')))
      : server.engine.addressSpace?.rootFolder.objects;
    if (parent === undefined) throw new Error('The OPC UA server came up without an Objects folder.');
    const made = namespace.addObject({ browseName: name, nodeId: `s=${path}`, organizedBy: parent });
    folders.set(path, made);
    return made;
  }
  for (const machine of machines) {
    const parent = folder(`${machine.enterprise}/${machine.site}/${machine.line}/${machine.name}`);
    for (const signal of machine.signals) {
      const nodeId = /;(s=.*)$/.exec(signal.source.address)?.[1];
      if (nodeId === undefined)
        throw new Error(`"${signal.source.address}" is no address of this simulator's OPC UA server.`);
      const variable = namespace.addVariable({
        componentOf: parent,
        browseName: signal.plant.name,
        nodeId,
        dataType: dataTypeOf(opcua, signal),
        minimumSamplingInterval: 0,
      });
      // A client that comes before the first sample is told so, and not an empty value of good quality.
      variable.setValueFromSource({ dataType: opcua.DataType.Null }, opcua.StatusCodes.BadWaitingForInitialData);
      variables.set(signal, variable);
    }
  }
  return variables;
}

function dataTypeOf({ DataType }: Opcua, { plant }: SimulatedSignal) {
  switch (plant.kind) {
    case 'measurement':
      return DataType.Double;
    case 'state':
      return DataType.Int32;
    case 'counter':
    case 'fault':
      return DataType.UInt32;
    case 'order':
      return DataType.String;
  }
}
