import { expect, test } from 'vitest';
import { checkPlant } from './check-plant.ts';

/** What is wrong with a plant of one machine and one signal that has these fields. */
function problemsOf(signal: object, machine: object = {}): string[] {
  const signals = [{ name: 'temp', limit_high: 70.5, ...signal }];
  const lines = [{ name: 'l1', machines: [{ name: 'm1', signals, ...machine }] }];
  const { problems = [] } = checkPlant({
    enterprise: 'acme',
    sites: [{ name: 'graz', time_zone: 'Europe/Vienna', lines }],
  });
  return problems.map(({ path, accepted }) => `${path.join('.').replace(/.*machines\.0\./, '')}: ${accepted}`);
}

test.each([
  ['mqtt', 'a/b', 'a topic acme/site/line/machine/signal without "+" and "#"'],
  ['mqtt', 'other/graz/l1/m1/temp', 'a topic acme/site/line/machine/signal without "+" and "#"'],
  ['mqtt', 'acme/graz/+/m1/temp', 'a topic acme/site/line/machine/signal without "+" and "#"'],
  ['sparkplug', 'foo', 'group/edge node/device/metric, or group/edge node//metric'],
  ['sparkplug', 'acme-graz/#/m1/temp', 'group/edge node/device/metric, or group/edge node//metric'],
  ['opcua', 'ns=foo', 'a node id nsu=<namespace URI>;s=<identifier> (or i=, g=, b=)'],
  ['opcua', 'ns=2;i=temp', 'a node id nsu=<namespace URI>;s=<identifier> (or i=, g=, b=)'],
  ['opcua', `s=${'x'.repeat(1023)}`, 'an address of 1 to 1024 characters'],
])('an address from which nothing can come is refused: %s %s', (protocol, address, accepted) => {
  expect(problemsOf({ sources: [{ protocol, address }] })).toEqual([`signals.0.sources.0.address: ${accepted}`]);
});

test.each([
  ['mqtt', 'acme/graz/l1/m1/group/temp #1'],
  ['sparkplug', 'acme-graz/l1//a/b'],
  ['opcua', 'nsu=urn:x;i=7'],
  ['opcua', 'ns=2;g=72962b91-fa75-4ae6-8d28-b404dc7daf63'],
  ['opcua', 'i=2258'],
])('an address that may be of use is taken: %s %s', (protocol, address) => {
  expect(problemsOf({ sources: [{ protocol, address }] })).toEqual([]);
});

test.each([
  [{ on_delay_seconds: 99_999_999_999 }, 'on_delay_seconds: a number of seconds from 0 to 604800'],
  [{ expected_interval_seconds: 1e300 }, 'expected_interval_seconds: a number of seconds above 0 and up to 604800'],
  [
    { kind: 'counter', quantity: 'good', counter_rollover: 1e300 },
    'counter_rollover: a number above 0 and up to 9007199254740991, or nothing',
  ],
  [{ range_high: 70 }, 'limit_high: a number up to range_high (70)'],
  [{ range_low: 71 }, 'limit_high: a number from range_low (71) on'],
  [{ quantity: 'a\u0000b' }, 'quantity: a text without control characters'],
])('a value that nothing can be done with is refused: %j', (signal, problem) => {
  expect(problemsOf(signal)).toEqual([`signals.0.${problem}`]);
});

test.each(['\u0000', '\u0001', '\u007f', '\u0085'])('no text holds a control character: %j', (character) => {
  expect(problemsOf({}, { model: `A${character}` })).toEqual(['model: a text without control characters']);
});
