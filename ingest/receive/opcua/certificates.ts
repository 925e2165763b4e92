import { createHash, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { OPCUACertificateManager } from 'node-opcua';

/** A server's certificate in our PKI folder. */
export interface StoredCertificate {
  thumbprint: string;
  file: string;
  /** The X.509 subject, as far as it can be read. */
  subject: string;
}

/** Where our own certificate, the trusted and the rejected ones are: `<DATA_DIR>/pki`. */
export function pkiFolder(dataDir: string): string {
  return join(dataDir, 'pki');
}

/**
 * Our certificate store. node-opcua's default one accepts every certificate; this one accepts only those in
 * `trusted/certs`, and keeps unknown ones in `rejected`. Opened for each attempt to connect and without file
 * watchers, so that a certificate that was just trusted is seen. Dispose it after use.
 */
export async function openCertificates(dataDir: string): Promise<OPCUACertificateManager> {
  const manager = new OPCUACertificateManager({
    rootFolder: pkiFolder(dataDir),
    automaticallyAcceptUnknownCertificate: false,
    disableFileWatchers: true,
    name: 'pki',
  });
  await manager.initialize();
  return manager;
}

/** The certificates in `rejected` or `trusted/certs`. */
export function listCertificates(dataDir: string, kind: 'rejected' | 'trusted'): StoredCertificate[] {
  const folder = folderOf(dataDir, kind);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /\.(pem|der|crt)$/.test(name))
    .sort()
    .map((name) => describe(join(folder, name)));
}

/** Moves a rejected certificate to the trusted ones. Answers undefined when there is none with this thumbprint. */
export function trustCertificate(dataDir: string, thumbprint: string): StoredCertificate | undefined {
  const wanted = thumbprint.replaceAll(/[^\da-fA-F]/g, '').toLowerCase();
  const found = listCertificates(dataDir, 'rejected').find((stored) => stored.thumbprint === wanted);
  if (found === undefined) return undefined;
  const folder = folderOf(dataDir, 'trusted');
  mkdirSync(folder, { recursive: true });
  const name = found.file.split(/[/\\]/).at(-1) ?? `${wanted}.pem`;
  const file = join(folder, name);
  renameSync(found.file, file);
  return { ...found, file };
}

/** The thumbprint of a certificate as OPC UA tools show it: SHA-1 of the DER bytes, in hex. */
export function thumbprintOf(der: Uint8Array): string {
  return createHash('sha1').update(der).digest('hex');
}

function folderOf(dataDir: string, kind: 'rejected' | 'trusted'): string {
  return kind === 'rejected' ? join(pkiFolder(dataDir), 'rejected') : join(pkiFolder(dataDir), 'trusted', 'certs');
}

function describe(file: string): StoredCertificate {
  const bytes = readFileSync(file);
  const pem = /-----BEGIN CERTIFICATE-----([^-]+)-----END/.exec(bytes.toString('latin1'))?.[1];
  const der = pem === undefined ? bytes : Buffer.from(pem, 'base64');
  return { thumbprint: thumbprintOf(der), file, subject: subjectOf(der) };
}

function subjectOf(der: Buffer): string {
  try {
    return new X509Certificate(der).subject.replaceAll('\n', ', ');
  } catch {
    return 'not readable';
  }
}
