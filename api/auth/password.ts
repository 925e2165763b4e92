import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

interface Cost {
  N: number;
  r: number;
  p: number;
}

/**
 * scrypt at N = 2^15, r = 8, p = 3: one of the equivalent settings of the OWASP password storage cheat sheet; 32 MB
 * and about 0.2 s a guess. The parameters stand in the hash, so that later ones can be stronger.
 */
const current: Cost = { N: 32_768, r: 8, p: 3 };
const keyBytes = 32;

/** `scrypt$N$r$p$salt$key`, salt and key in base64url. */
export async function hashPassword(password: string, cost: Cost = current): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(password, salt, cost);
  return ['scrypt', cost.N, cost.r, cost.p, salt.toString('base64url'), key.toString('base64url')].join('$');
}

/**
 * Whether the password belongs to the hash. Without a hash (unknown e-mail, no login) it works as long as with one and
 * answers false, so that the time tells nothing about who exists.
 */
export async function verifyPassword(password: string, hash: string | null): Promise<boolean> {
  const [scheme, n, r, p, salt, key] = (hash ?? nobody).split('$');
  if (scheme !== 'scrypt' || salt === undefined || key === undefined) return false;
  const expected = Buffer.from(key, 'base64url');
  const actual = await derive(password, Buffer.from(salt, 'base64url'), { N: Number(n), r: Number(r), p: Number(p) });
  return actual.length === expected.length && timingSafeEqual(actual, expected) && hash !== null;
}

const nobody = [
  'scrypt',
  current.N,
  current.r,
  current.p,
  randomBytes(16).toString('base64url'),
  randomBytes(keyBytes).toString('base64url'),
].join('$');

function derive(password: string, salt: Buffer, parameters: Cost): Promise<Buffer> {
  const maxmem = 128 * parameters.N * parameters.r * 2;
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, keyBytes, { ...parameters, maxmem }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}
