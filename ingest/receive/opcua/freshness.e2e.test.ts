// Beside the pure tests in kind, but not among them: loading the OPC UA library takes longer than a hundred of them.
import { DataType, DataValue, StatusCodes, Variant } from 'node-opcua';
import { expect, test } from 'vitest';
import { wasMissed } from './freshness.ts';
import type { Item, Subscription } from './subscription.ts';

const start = Date.UTC(2026, 0, 5);
const subscription = { publishingMs: 500 } as Subscription;
const item = (more: Partial<Item>) =>
  ({ samplingMs: 500, hasTimeTrigger: true, lastTimeUs: start * 1000, lastValue: 20, ...more }) as Item;
const read = (afterMs: number, value: number, statusCode = StatusCodes.Good) =>
  new DataValue({
    sourceTimestamp: new Date(start + afterMs),
    statusCode,
    value: new Variant({ dataType: DataType.Double, value }),
  });

test('a source at rest has missed nothing; a newer reading was missed', () => {
  expect(wasMissed(item({}), read(0, 20), subscription)).toBe(false);
  expect(wasMissed(item({}), read(2000, 21), subscription)).toBe(false); // may still be on its way
  expect(wasMissed(item({}), read(30_000, 20), subscription)).toBe(true);
});

test('without the time trigger only another value proves a miss', () => {
  expect(wasMissed(item({ hasTimeTrigger: false }), read(30_000, 20), subscription)).toBe(false);
  expect(wasMissed(item({ hasTimeTrigger: false }), read(30_000, 21), subscription)).toBe(true);
});

test('an item that never reported although it has a value was missed; one that is bad was not', () => {
  expect(wasMissed(item({ lastTimeUs: Number.NaN }), read(0, 20), subscription)).toBe(true);
  expect(wasMissed(item({}), read(30_000, 20, StatusCodes.BadSensorFailure), subscription)).toBe(false);
  expect(wasMissed(item({}), undefined, subscription)).toBe(false);
});
