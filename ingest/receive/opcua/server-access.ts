import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { UserTokenType, type UserIdentityInfo } from 'node-opcua';
import type { Settings } from '../../../core/settings.ts';

/** How one server wants to be spoken to: the settings, and what OPCUA_SERVERS says otherwise for its URL. */
export interface ServerAccess {
  security: Settings['OPCUA_SECURITY'];
  securityMode: Settings['OPCUA_SECURITY_MODE'];
  user: string | undefined;
  password: string | undefined;
  passwordFile: string | undefined;
  userCertificate: string | undefined;
  userKey: string | undefined;
}

/** A login named for one server replaces the whole login that all others have, whatever its kind. */
export function accessOf(settings: Settings, url: string): ServerAccess {
  const own = settings.OPCUA_SERVERS?.[url] ?? {};
  const hasOwnLogin = own.user !== undefined || own.user_certificate !== undefined;
  return {
    security: own.security ?? settings.OPCUA_SECURITY,
    securityMode: own.security_mode ?? settings.OPCUA_SECURITY_MODE,
    user: hasOwnLogin ? own.user : settings.OPCUA_USER,
    password: hasOwnLogin ? undefined : settings.OPCUA_PASSWORD,
    passwordFile: hasOwnLogin ? own.password_file : undefined,
    userCertificate: hasOwnLogin ? own.user_certificate : settings.OPCUA_USER_CERTIFICATE,
    userKey: hasOwnLogin ? own.user_key : settings.OPCUA_USER_KEY,
  };
}

/**
 * The login of a server: a certificate before a name before nothing. Files are read anew each time, so that one that is
 * put right is seen at the next attempt. Throws an Error with one sentence that names the file.
 */
export function readIdentity(access: ServerAccess): UserIdentityInfo {
  if (access.userCertificate !== undefined) return readCertificateLogin(access.userCertificate, access.userKey);
  if (access.user === undefined) return { type: UserTokenType.Anonymous };
  const password = access.passwordFile === undefined ? access.password : readPassword(access.passwordFile);
  return { type: UserTokenType.UserName, userName: access.user, password: password ?? '' };
}

function readCertificateLogin(certificateFile: string, keyFile: string | undefined): UserIdentityInfo {
  if (keyFile === undefined) {
    throw new Error(
      `The user certificate "${certificateFile}" has no private key; set OPCUA_USER_KEY (or user_key in OPCUA_SERVERS) to its file.`,
    );
  }
  const certificate = parse(certificateFile, 'a certificate (PEM or DER)', (bytes) => new X509Certificate(bytes));
  const key = parse(keyFile, 'a private key without a passphrase (PEM)', (bytes) => createPrivateKey(bytes));
  if (!certificate.checkPrivateKey(key)) {
    throw new Error(`The private key "${keyFile}" does not belong to the user certificate "${certificateFile}".`);
  }
  return {
    type: UserTokenType.Certificate,
    certificateData: certificate.raw,
    privateKey: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function readPassword(file: string): string {
  return parse(file, 'a password', (bytes) => bytes.toString('utf8').split('\n', 1)[0]?.trim() ?? '');
}

function parse<Result>(file: string, accepted: string, read: (bytes: Buffer) => Result): Result {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new Error(`The file "${file}" with ${accepted} cannot be read: ${(error as Error).message}.`, {
      cause: error,
    });
  }
  try {
    return read(bytes);
  } catch (error) {
    throw new Error(`The file "${file}" is not ${accepted}: ${(error as Error).message}.`, { cause: error });
  }
}
