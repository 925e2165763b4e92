import { signal } from '@preact/signals';
import type { Me } from '../api/schemas/session.ts';
import { post } from './fetch.ts';

/** Who is signed in; null until the server has said so. */
export const me = signal<Me | null>(null);

/** Ends the session and shows the login, also when the server did not answer: the cookie is then its problem. */
export function signOut(): void {
  void post('/logout').finally(() => location.assign('/'));
}
