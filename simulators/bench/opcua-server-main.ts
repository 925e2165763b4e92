import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as opcua from 'node-opcua';
import { now, pause } from '../../core/clock.ts';
import { createWorkload } from './workload.ts';

// The OPC UA server of the bench: so many doubles, all of them changed every so often, each with its source time.
const file = process.argv[2] ?? '';
const { port, addresses, signal_ids, seed } = JSON.parse(readFileSync(file, 'utf8')) as {
  port: number;
  addresses: string[];
  signal_ids: number[];
  seed: number;
};
const certificates = new opcua.OPCUACertificateManager({
  rootFolder: join(dirname(file), 'pki'),
  automaticallyAcceptUnknownCertificate: true,
});
await certificates.initialize();
const server = new opcua.OPCUAServer({
  host: '127.0.0.1',
  hostname: '127.0.0.1',
  port,
  allowAnonymous: true,
  serverCertificateManager: certificates,
  userCertificateManager: certificates,
  serverInfo: { applicationUri: 'urn:millrace:bench', productUri: 'urn:millrace:bench' },
  serverCapabilities: { maxSubscriptions: 100, maxMonitoredItemsPerSubscription: 20_000, minSupportedSampleRate: 0 },
  disableDiscovery: true,
  isAuditing: false,
});
await server.initialize();
const { addressSpace } = server.engine;
if (addressSpace === null) throw new Error('The OPC UA server came up without an address space.');
const namespace = addressSpace.registerNamespace('urn:millrace:plant');
const folder = namespace.addObject({ browseName: 'bench', organizedBy: addressSpace.rootFolder.objects });
const workload = createWorkload(signal_ids, seed);
const variables = addresses.map((address) =>
  namespace.addVariable({
    componentOf: folder,
    browseName: address,
    nodeId: address.slice(address.indexOf('s=')),
    dataType: 'Double',
    minimumSamplingInterval: 0,
  }),
);

function set(timeMs: number): void {
  workload.step(timeMs);
  const time = new Date(timeMs);
  for (const [index, variable] of variables.entries()) {
    variable.setValueFromSource(
      { dataType: opcua.DataType.Double, value: (workload.hundredths[index] ?? 0) / 100 },
      opcua.StatusCodes.Good,
      time,
    );
  }
}
set(now());
// Every change is offered, as a server does whose device reports by exception. Sampling 10,000 items every 50 ms, which the
// client asks for, costs node-opcua two cores and loses changes that come late.
server.on('create_session', (session: opcua.ServerSession) =>
  session.on('new_subscription', (subscription: opcua.Subscription) => {
    subscription.adjustSamplingInterval = () => 0;
  }),
);
await server.start();

process.on('message', ({ ticks, step_ms }: { ticks: number; step_ms: number }) => {
  void (async () => {
    workload.reset();
    const start = now() + step_ms;
    let worst = 0;
    for (let tick = 0; tick < ticks; tick++) {
      const due = start + tick * step_ms;
      const wait = due - now();
      if (wait > 0) await pause(wait);
      worst = Math.max(worst, now() - due);
      set(due);
    }
    process.send?.({
      report: {
        readings: workload.readings,
        checksum: workload.checksum.toString(),
        start_ms: start,
        worst_delay_ms: worst,
      },
    });
  })();
});
process.on('disconnect', () => process.exit(0));
process.once('SIGTERM', () => process.exit(0));
process.send?.({ ready: true });
