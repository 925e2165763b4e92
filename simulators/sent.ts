import type { Emit } from './simulated-plant.ts';

/**
 * What one source has sent, counted in readings exactly as the books of Millrace count them, so that both can be
 * compared: `received` of the ledger is `sent` here, once everything has arrived.
 */
export interface SentCounts {
  protocol: 'mqtt' | 'sparkplug' | 'opcua';
  /** The name that the ledger uses: `enterprise/site/line`, `group/edge node`, or the endpoint URL. */
  source: string;
  /** Readings given to the network, births included. For OPC UA: values written, whether or not anyone subscribes. */
  sent: number;
  /** MQTT at QoS 1: readings whose PUBACK has come. Undefined where the protocol acknowledges nothing. */
  acknowledged?: number;
  /** OPC UA: values that differ from the one before, which is what a subscription with the default filter is told. */
  changed?: number;
  /** Readings thrown away because the buffer of the edge device was full while the broker was away. */
  dropped: number;
  messages: number;
  /** Readings waiting in the edge device, unacknowledged ones included. */
  waiting: number;
}

/** The way out of the plant for one protocol. */
export interface Publisher {
  publish: Emit;
  /** True when every connection of it stands. */
  isConnected: () => boolean;
  counts: () => SentCounts[];
  /** True while more should wait, because what is there has not got out yet. */
  isBusy: () => boolean;
  /** Says goodbye and waits, for a second at most, for acknowledgements under way. */
  close: () => Promise<void>;
}
