import { Datatype } from './datatype.ts';
import { encodePayload, type MetricToWrite } from './encode-payload.ts';

/** The metric with which an edge node offers, and a host requests, a rebirth. It never has an alias. */
export const rebirthMetric = 'Node Control/Rebirth';
/** The metric that ties an NDEATH to its NBIRTH. */
export const birthDeathMetric = 'bdSeq';

interface Numbered {
  timestampMs: number;
  /** 0 to 255. */
  seq: number;
  metrics: readonly MetricToWrite[];
}

/** An NBIRTH: the node's metrics with names and datatypes, its bdSeq, and the rebirth control the specification asks for. */
export function encodeNodeBirth({ timestampMs, seq, metrics }: Numbered, bdSeq: number): Buffer {
  const own: MetricToWrite[] = [
    { name: birthDeathMetric, timestamp_ms: timestampMs, datatype: Datatype.Int64, value: bdSeq },
    { name: rebirthMetric, timestamp_ms: timestampMs, datatype: Datatype.Boolean, value: false },
  ];
  return encodePayload({ timestamp_ms: timestampMs, seq, metrics: [...own, ...metrics], with_datatypes: true });
}

/** A DBIRTH: all metrics of a device with names and datatypes. */
export function encodeDeviceBirth({ timestampMs, seq, metrics }: Numbered): Buffer {
  return encodePayload({ timestamp_ms: timestampMs, seq, metrics, with_datatypes: true });
}

/** An NDATA or DDATA: values by alias, without names and datatypes as the specification wants. */
export function encodeData({ timestampMs, seq, metrics }: Numbered): Buffer {
  return encodePayload({ timestamp_ms: timestampMs, seq, metrics, with_datatypes: false });
}

/** An NDEATH, for the will of the connection and for an orderly end. It has no sequence number. */
export function encodeNodeDeath(timestampMs: number, bdSeq: number): Buffer {
  const metric = { name: birthDeathMetric, timestamp_ms: timestampMs, datatype: Datatype.Int64, value: bdSeq };
  return encodePayload({ timestamp_ms: timestampMs, metrics: [metric], with_datatypes: true });
}

/** A DDEATH. */
export function encodeDeviceDeath(timestampMs: number, seq: number): Buffer {
  return encodePayload({ timestamp_ms: timestampMs, seq, metrics: [], with_datatypes: true });
}

/** The NCMD with which a host asks an edge node to send all its births again. It has no sequence number. */
export function encodeRebirthRequest(timestampMs: number): Buffer {
  const metric = { name: rebirthMetric, timestamp_ms: timestampMs, datatype: Datatype.Boolean, value: true };
  return encodePayload({ timestamp_ms: timestampMs, metrics: [metric], with_datatypes: true });
}
