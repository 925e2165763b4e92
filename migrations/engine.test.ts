import { expect, test } from 'vitest';
import { refuseUnfit } from './engine.ts';

// The license is a setting of the whole server, so a test of its own server is not possible here; what the server
// answers to `show timescaledb.license` in both builds is 'timescale' or 'apache'.
test('TimescaleDB without its Community features is refused with what to do', () => {
  expect(() => refuseUnfit('2.28.3', 'apache')).toThrow(
    'TimescaleDB is here without its Community features (timescaledb.license is "apache"); use the Community build with timescaledb.license=timescale, or set STORAGE=postgres.',
  );
});

test('a release older than the schema was run on is refused; newer ones are not', () => {
  expect(() => refuseUnfit('2.27.9', 'timescale')).toThrow(
    'TimescaleDB 2.27.9 is too old; update the extension to 2.28 or newer',
  );
  expect(() => refuseUnfit('1.99.0', 'timescale')).toThrow('is too old');
  for (const version of ['2.28.0', '2.28.3', '2.31.0', '3.0.0', '2.29.0-dev']) refuseUnfit(version, 'timescale');
});
