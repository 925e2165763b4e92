import { createServer, type AddressInfo } from 'node:net';
import {
  DataType,
  MessageSecurityMode,
  OPCUACertificateManager,
  OPCUAServer,
  SecurityPolicy,
  StatusCodes,
  type UAVariable,
  Variant,
  VariantArrayType,
} from 'node-opcua';
import { now } from '../../../core/clock.ts';

/** A real OPC UA server with variables whose values, times and statuses a test decides. */
export interface TestOpcuaServer {
  readonly url: string;
  readonly port: number;
  readonly namespaceUri: string;
  /** `nsu=…;s=name`, as signal_source has it. */
  addressOf(name: string): string;
  addVariable(name: string, dataType: DataType, value: unknown, options?: { history?: boolean }): void;
  /** Sets value, status and source time; without a time it is now. */
  set(name: string, value: unknown, options?: { status?: number; time?: Date }): void;
  /** Every subscription goes on sending keep-alives and reports nothing any more, as hung servers do. */
  muteSubscriptions(): void;
  close(): Promise<void>;
}

export interface TestOpcuaServerOptions {
  /** Folder for the server's keys; the same for two servers after each other makes them the same application. */
  pki: string;
  port?: number;
  /** Namespaces that stand before the server's own, so that its index moves. */
  namespacesBefore?: string[];
  variables?: { name: string; dataType: DataType; value: unknown; history?: boolean }[];
  maxMonitoredItemsPerCall?: number;
  maxMonitoredItemsPerSubscription?: number;
  users?: { userName: string; password: string };
}

const namespaceUri = 'urn:millrace:test-plant';

export async function startOpcuaServer(options: TestOpcuaServerOptions): Promise<TestOpcuaServer> {
  const port = options.port ?? (await freePort());
  const certificates = new OPCUACertificateManager({
    rootFolder: options.pki,
    // The test server believes every client; it is the client's trust that is tested.
    automaticallyAcceptUnknownCertificate: true,
    disableFileWatchers: true,
    name: 'pki',
  });
  await certificates.initialize();
  const { users } = options;
  const server = new OPCUAServer({
    port,
    hostname: '127.0.0.1',
    alternateHostname: ['127.0.0.1'],
    serverInfo: { applicationUri: 'urn:millrace:test-server' },
    serverCertificateManager: certificates,
    userCertificateManager: certificates,
    securityModes: [MessageSecurityMode.None, MessageSecurityMode.SignAndEncrypt],
    securityPolicies: [SecurityPolicy.None, SecurityPolicy.Basic256Sha256, SecurityPolicy.Aes256_Sha256_RsaPss],
    disableDiscovery: true,
    allowAnonymous: users === undefined,
    ...(users === undefined
      ? {}
      : {
          userManager: {
            isValidUser: (name: string, password: string) => name === users.userName && password === users.password,
          },
        }),
    serverCapabilities: {
      maxMonitoredItemsPerSubscription: options.maxMonitoredItemsPerSubscription ?? 10_000,
      operationLimits: { maxMonitoredItemsPerCall: options.maxMonitoredItemsPerCall ?? 0 },
    },
  });
  await server.initialize();
  const { addressSpace } = server.engine;
  if (addressSpace === null) throw new Error('The test server has no address space.');
  for (const uri of options.namespacesBefore ?? []) addressSpace.registerNamespace(uri);
  const namespace = addressSpace.registerNamespace(namespaceUri);
  const variables = new Map<string, UAVariable>();

  const test: TestOpcuaServer = {
    port,
    url: `opc.tcp://127.0.0.1:${port}`,
    namespaceUri,
    addressOf: (name) => `nsu=${namespaceUri};s=${name}`,
    addVariable(name, dataType, value, { history = false } = {}) {
      const variable = namespace.addVariable({
        browseName: name,
        nodeId: `s=${name}`,
        organizedBy: addressSpace.rootFolder.objects,
        dataType,
        minimumSamplingInterval: 10,
      });
      if (history) addressSpace.installHistoricalDataNode(variable, { maxOnlineValues: 10_000 });
      variables.set(name, variable);
      test.set(name, value);
    },
    set(name, value, { status = 0, time = new Date(now()) } = {}) {
      const variable = variables.get(name);
      if (variable === undefined) throw new Error(`The test server has no variable "${name}".`);
      const code = Object.values(StatusCodes).find((one) => one.value === status) ?? StatusCodes.Good;
      variable.setValueFromSource(
        new Variant({ dataType: variable.dataTypeObj.basicDataType, arrayType: VariantArrayType.Scalar, value }),
        code,
        time,
      );
    },
    muteSubscriptions() {
      for (const session of server.engine.getSessions()) {
        for (const subscription of session.publishEngine.subscriptions) subscription.setPublishingMode(false);
      }
    },
    async close() {
      await server.shutdown(100);
      await certificates.dispose();
    },
  };
  for (const { name, dataType, value, history } of options.variables ?? []) {
    test.addVariable(name, dataType, value, { history: history === true });
  }
  await server.start();
  return test;
}

/** A port that nothing listens on. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
