// Beside the pure tests in kind, but not among them: loading the OPC UA library takes longer than a hundred of them.
import { NodeIdType } from 'node-opcua';
import { expect, test } from 'vitest';
import { resolveAddress } from './node-address.ts';

const namespaces = ['http://opcfoundation.org/UA/', 'urn:server', 'urn:plant;v=2'];

test.each([
  [
    'nsu=urn:server;s=millrace/berlin/line-01/m-001/temperature',
    NodeIdType.STRING,
    'millrace/berlin/line-01/m-001/temperature',
    1,
  ],
  ['nsu=urn:plant%3Bv=2;s=a;b=c', NodeIdType.STRING, 'a;b=c', 2],
  ['nsu=urn:server;i=4294967295', NodeIdType.NUMERIC, 4_294_967_295, 1],
  ['ns=2;s=x', NodeIdType.STRING, 'x', 2],
  ['i=2258', NodeIdType.NUMERIC, 2258, 0],
  ['nsu=urn:server;s=line\nfeed', NodeIdType.STRING, 'line\nfeed', 1],
])('%s', (address, type, value, namespace) => {
  expect(resolveAddress(address, namespaces)).toMatchObject({ identifierType: type, value, namespace });
});

test('GUIDs and byte strings', () => {
  const guid = '72962B91-FA75-4AE6-8D28-B404DC7DAF63';
  expect(resolveAddress(`nsu=urn:server;g=${guid.toLowerCase()}`, namespaces)).toMatchObject({ value: guid });
  expect(resolveAddress('nsu=urn:server;b=aGVsbG8=', namespaces)).toMatchObject({ value: Buffer.from('hello') });
});

test.each([
  ['nsu=urn:other;s=x', 'no namespace "urn:other"'],
  ['temperature', 'is no node id'],
  ['ns=2;x=1', 'is no node id'],
  ['nsu=urn:server;i=99999999999', 'cannot be read'],
  ['nsu=urn:server;g=123', 'cannot be read'],
  ['', 'is no node id'],
])('%s is explained', (address, reason) => {
  expect(resolveAddress(address, namespaces)).toContain(reason);
});
