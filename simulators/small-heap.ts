import { setFlagsFromString } from 'node:v8';

// The OPC UA library leaves much garbage while it starts. With V8's usual young generation (16 MB, grown in leaps) the
// simulator settles at 320 MB; with a small one at 190 MB, for the same 4 % of a core at 1 Hz. Imported first in
// main.ts, so that it holds before anything is allocated.
setFlagsFromString('--optimize-for-size');
