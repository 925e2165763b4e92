import { expect, test } from 'vitest';
import { registerSignals } from '../testing/collecting-intake.ts';
import { groupByRate, listWantedItems } from './wanted-items.ts';

const url = 'opc.tcp://plc-1:4840';
const uri = 'urn:plc-1';

test('a server is asked for what names it, and for what names none; the named source wins', async () => {
  const registry = await registerSignals([
    { signal_id: 1, protocol: 'opcua', address: 'nsu=u;s=a' },
    { signal_id: 2, protocol: 'opcua', address: 'nsu=u;s=a', server: uri },
    { signal_id: 3, protocol: 'opcua', address: 'nsu=u;s=b', server: url },
    { signal_id: 4, protocol: 'opcua', address: 'nsu=u;s=c', server: 'urn:plc-2' },
    { signal_id: 5, protocol: 'mqtt', address: 'nsu=u;s=d' },
  ]);
  const wanted = listWantedItems(registry, url, uri, 300);
  expect([...wanted.values()].map(({ address, signal }) => [address, signal.signal_id])).toEqual([
    ['nsu=u;s=a', 2],
    ['nsu=u;s=b', 3],
  ]);
});

test('sampling is twice as often as the source, and the queue lasts for the outage', async () => {
  const registry = await registerSignals([
    { signal_id: 1, protocol: 'opcua', address: 'nsu=u;s=fast', expected_interval_seconds: 0.1 },
    { signal_id: 2, protocol: 'opcua', address: 'nsu=u;s=slow', expected_interval_seconds: 60 },
    { signal_id: 3, protocol: 'opcua', address: 'nsu=u;s=mad', expected_interval_seconds: 0.0001 },
  ]);
  const wanted = [...listWantedItems(registry, url, uri, 300).values()];
  expect(wanted.map(({ samplingMs, queueSize }) => [samplingMs, queueSize])).toEqual([
    [50, 6000],
    [30_000, 10],
    [1, 60_000],
  ]);
  expect(groupByRate(wanted).map((group) => group.map(({ signal }) => signal.signal_id))).toEqual([[3], [1], [2]]);
});

test('a fault, a state, an order and a counter are looked at four times a second, however seldom they are repeated', async () => {
  const registry = await registerSignals([
    { signal_id: 1, protocol: 'opcua', address: 'nsu=u;s=fault', kind: 'fault', expected_interval_seconds: 60 },
    { signal_id: 2, protocol: 'opcua', address: 'nsu=u;s=order', kind: 'order', expected_interval_seconds: 60 },
    { signal_id: 3, protocol: 'opcua', address: 'nsu=u;s=state', kind: 'state', expected_interval_seconds: 10 },
    { signal_id: 4, protocol: 'opcua', address: 'nsu=u;s=good', kind: 'counter', expected_interval_seconds: 10 },
    { signal_id: 5, protocol: 'opcua', address: 'nsu=u;s=fast', kind: 'state', expected_interval_seconds: 0.1 },
    { signal_id: 6, protocol: 'opcua', address: 'nsu=u;s=level', kind: 'measurement', expected_interval_seconds: 60 },
  ]);
  const wanted = [...listWantedItems(registry, url, uri, 300).values()];
  expect(wanted.map(({ samplingMs }) => samplingMs)).toEqual([250, 250, 250, 250, 50, 30_000]);
  // The queue still holds an outage of 300 s in which each look finds something new.
  expect(wanted[0]?.queueSize).toBe(1200);
});
