import { createServer, type AddressInfo } from 'node:net';
import {
  DataType,
  HistoryReadResult,
  MessageSecurityMode,
  OPCUACertificateManager,
  OPCUAServer,
  SecurityPolicy,
  type ServerSession,
  type StatusCode,
  StatusCodes,
  type Subscription,
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
  addVariable(name: string, dataType: DataType, value: unknown, options?: { history?: boolean; time?: Date }): void;
  /** Sets value, status and source time; without a time it is now. */
  set(name: string, value: unknown, options?: { status?: number; time?: Date }): void;
  /** Policy and mode of the channel of each session, as the server sees it. */
  securityOfSessions(): string[];
  /** The next message with data never reaches the client; the server keeps it and answers Republish with it. */
  loseNextMessage(): void;
  /** The next three messages with data arrive the newest first, and the server keeps none of them for Republish. */
  turnNextMessages(): void;
  /** A sequence number is used up by a message that never was: it is missing, and the server cannot repeat it. */
  skipSequenceNumber(): void;
  /** The sessions are gone, as after their timeout; their subscriptions live on. */
  forgetSessions(): void;
  /** The items of a node are gone from every subscription, and nobody is told. */
  forgetItems(name: string): void;
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
  /** Variables of the same names in the first of those namespaces, with this value: an old index would read them. */
  decoyValue?: number;
  variables?: { name: string; dataType: DataType; value: unknown; history?: boolean; time?: Date }[];
  /** Every change goes into the queues, as from a device that reports by exception; else what the sampling finds. */
  reportsEveryChange?: boolean;
  maxMonitoredItemsPerCall?: number;
  maxMonitoredItemsPerSubscription?: number;
  maxNodesPerRead?: number;
  maxNodesPerHistoryReadData?: number;
  /** So many nodes of one HistoryRead may get a continuation point; the others get BadNoContinuationPoints. */
  mostHistoryPoints?: number;
  /** What HistoryRead answers for single nodes, by name. */
  historyRefusals?: Record<string, StatusCode>;
  /** Whether an anonymous session may take over the subscriptions of another one; true. */
  transfers?: boolean;
  users?: { userName: string; password: string };
  /** Folder of the user certificates that are let in; others are refused. Anonymous users are then, too. */
  userPki?: string;
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
  const { users, userPki } = options;
  const userCertificates = new OPCUACertificateManager({
    rootFolder: userPki ?? options.pki,
    automaticallyAcceptUnknownCertificate: userPki === undefined,
    disableFileWatchers: true,
    name: 'pki',
  });
  await userCertificates.initialize();
  const server = new OPCUAServer({
    port,
    hostname: '127.0.0.1',
    alternateHostname: ['127.0.0.1'],
    serverInfo: { applicationUri: 'urn:millrace:test-server' },
    serverCertificateManager: certificates,
    userCertificateManager: userCertificates,
    securityModes: [MessageSecurityMode.None, MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt],
    securityPolicies: [
      SecurityPolicy.None,
      SecurityPolicy.Basic256Sha256,
      SecurityPolicy.Aes128_Sha256_RsaOaep,
      SecurityPolicy.Aes256_Sha256_RsaPss,
    ],
    disableDiscovery: true,
    allowAnonymousSubscriptionTransferOnUnsecuredChannel: options.transfers ?? true,
    allowAnonymous: users === undefined && userPki === undefined,
    ...(users === undefined
      ? {}
      : {
          userManager: {
            isValidUser: (name: string, password: string) => name === users.userName && password === users.password,
          },
        }),
    serverCapabilities: {
      maxMonitoredItemsPerSubscription: options.maxMonitoredItemsPerSubscription ?? 10_000,
      operationLimits: {
        maxMonitoredItemsPerCall: options.maxMonitoredItemsPerCall ?? 0,
        maxNodesPerRead: options.maxNodesPerRead ?? 0,
        maxNodesPerHistoryReadData: options.maxNodesPerHistoryReadData ?? 0,
      },
    },
  });
  await server.initialize();
  const historyRead = server.engine.historyRead.bind(server.engine);
  server.engine.historyRead = async (context, request) => {
    let points = 0;
    return (await historyRead(context, request)).map((result, index) => {
      const refusal = options.historyRefusals?.[String(request.nodesToRead?.[index]?.nodeId.value)];
      if (refusal !== undefined) return new HistoryReadResult({ statusCode: refusal });
      if ((result.continuationPoint ?? '').length === 0) return result;
      if (++points <= (options.mostHistoryPoints ?? Number.POSITIVE_INFINITY)) return result;
      return new HistoryReadResult({ statusCode: StatusCodes.BadNoContinuationPoints });
    });
  };
  const { addressSpace } = server.engine;
  if (addressSpace === null) throw new Error('The test server has no address space.');
  const before = (options.namespacesBefore ?? []).map((uri) => addressSpace.registerNamespace(uri));
  const namespace = addressSpace.registerNamespace(namespaceUri);
  const variables = new Map<string, UAVariable>();

  function* subscriptions() {
    for (const session of server.engine.getSessions()) yield* session.publishEngine.subscriptions;
  }

  let isClosed = false;
  const test: TestOpcuaServer = {
    port,
    url: `opc.tcp://127.0.0.1:${port}`,
    namespaceUri,
    addressOf: (name) => `nsu=${namespaceUri};s=${name}`,
    addVariable(name, dataType, value, { history = false, time = new Date(now()) } = {}) {
      const variable = namespace.addVariable({
        browseName: name,
        nodeId: `s=${name}`,
        organizedBy: addressSpace.rootFolder.objects,
        dataType,
        minimumSamplingInterval: 10,
      });
      if (history) addressSpace.installHistoricalDataNode(variable, { maxOnlineValues: 10_000 });
      variables.set(name, variable);
      test.set(name, value, { time });
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
      for (const subscription of subscriptions()) subscription.setPublishingMode(false);
    },
    securityOfSessions: () =>
      server.engine.getSessions().map(({ channel }) => {
        const policy = channel?.securityPolicy.split('#')[1] ?? 'no channel';
        return `${policy}, ${MessageSecurityMode[channel?.securityMode ?? MessageSecurityMode.Invalid]}`;
      }),
    loseNextMessage() {
      for (const session of server.engine.getSessions()) {
        const engine = session.publishEngine;
        const send = engine._send_response.bind(engine);
        // The publish request stays in the queue of the server, which the next message then answers.
        engine._send_response = (subscription, response) => {
          if ((response.notificationMessage.notificationData ?? []).length === 0) send(subscription, response);
          else engine._send_response = send;
        };
      }
    },
    turnNextMessages() {
      for (const session of server.engine.getSessions()) {
        const engine = session.publishEngine;
        const send = engine._send_response.bind(engine);
        const held: Parameters<typeof send>[] = [];
        engine._send_response = (subscription, response) => {
          if ((response.notificationMessage.notificationData ?? []).length === 0) {
            send(subscription, response);
            return;
          }
          subscription.getMessageForSequenceNumber = () => null;
          held.push([subscription, response]);
          if (held.length < 3) return;
          engine._send_response = send;
          for (const one of held.reverse()) send(...one);
        };
      }
    },
    skipSequenceNumber() {
      for (const subscription of subscriptions()) {
        (subscription as unknown as { _get_next_sequence_number(): number })._get_next_sequence_number();
      }
    },
    forgetSessions() {
      for (const session of server.engine.getSessions())
        server.engine.closeSession(session.authenticationToken, false, 'Terminated');
    },
    forgetItems(name) {
      const nodeId = variables.get(name)?.nodeId.toString();
      for (const subscription of subscriptions()) {
        const { serverHandles } = subscription.getMonitoredItems();
        for (const handle of serverHandles as Iterable<number>) {
          const item = subscription.getMonitoredItem(handle);
          if (item?.itemToMonitor.nodeId?.toString() === nodeId) subscription.removeMonitoredItem(handle);
        }
      }
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      await server.shutdown(100);
      await certificates.dispose();
      await userCertificates.dispose();
    },
  };
  const [decoys] = before;
  for (const { name, dataType } of options.decoyValue === undefined ? [] : (options.variables ?? [])) {
    const value = { dataType, value: options.decoyValue };
    const { objects } = addressSpace.rootFolder;
    decoys?.addVariable({ browseName: name, nodeId: `s=${name}`, organizedBy: objects, dataType, value });
  }
  for (const { name, dataType, value, ...more } of options.variables ?? []) {
    test.addVariable(name, dataType, value, more);
  }
  if (options.reportsEveryChange === true) {
    server.on('create_session', (session: ServerSession) =>
      session.on('new_subscription', (subscription: Subscription) => {
        subscription.adjustSamplingInterval = () => 0;
      }),
    );
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
