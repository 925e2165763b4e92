import { signal } from '@preact/signals';
import type { Me } from '../api/schemas/session.ts';

/** Who is signed in; null until the server has said so. */
export const me = signal<Me | null>(null);
