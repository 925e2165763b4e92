import { hostname } from 'node:os';
import { MessageSecurityMode, type OPCUACertificateManager, OPCUAClient, SecurityPolicy } from 'node-opcua';
import type { Settings } from '../../../core/settings.ts';
import type { ServerAccess } from './server-access.ts';

/** A client for one server, not connected yet. It repairs a lost connection for ever; the first one is tried once. */
export function createClient(
  settings: Settings,
  access: ServerAccess,
  certificates: OPCUACertificateManager,
): OPCUAClient {
  const securityMode = access.security === 'None' ? MessageSecurityMode.None : MessageSecurityMode[access.securityMode];
  return OPCUAClient.create({
    applicationName: 'Millrace',
    applicationUri: `urn:${hostname()}:millrace:ingest:${settings.GATEWAY_ID}`,
    clientName: `millrace-ingest-${settings.GATEWAY_ID}`,
    clientCertificateManager: certificates,
    securityMode,
    securityPolicy: SecurityPolicy[access.security],
    // Servers behind address translation name themselves by addresses that we cannot reach.
    endpointMustExist: false,
    requestedSessionTimeout: Math.max(60_000, settings.OPCUA_OUTAGE_SECONDS * 1000),
    keepSessionAlive: true,
    keepAliveInterval: 5000,
    defaultTransactionTimeout: 10_000,
    // Something that accepts connections and says nothing must not hold an attempt for a minute.
    transportTimeout: 15_000,
    // One attempt here and our own pause between attempts; node-opcua repairs a lost connection for ever.
    connectionStrategy: { initialDelay: 250, maxDelay: 5000, maxRetry: 1 },
  });
}
