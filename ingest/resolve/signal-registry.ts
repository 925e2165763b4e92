import type { Connection } from '../../core/database.ts';
import type { Protocol, SignalKind } from '../../core/reading.ts';

/** What ingest needs to know of a signal. */
export interface RegisteredSignal {
  signal_id: number;
  machine_id: number;
  kind: SignalKind;
  quantity: string;
  /** How often a reading is expected, for subscriptions that need a sampling interval. */
  expected_interval_seconds: number;
}

export interface SignalAddress {
  /** opcua only: the application URI or endpoint URL of one server; empty means any configured server. */
  server: string;
  address: string;
  signal: RegisteredSignal;
}

/** Address → signal, in memory. The contents are replaced as a whole by `loadSignals`; `version` counts the loads. */
export interface SignalRegistry {
  readonly version: number;
  /** The signal at an address; for opcua, a source with this very server wins over one for any server. */
  find(protocol: Protocol, address: string, server?: string): RegisteredSignal | undefined;
  /** Every address of a protocol, for receivers that must ask for what they want (OPC UA). */
  list(protocol: Protocol): readonly SignalAddress[];
  signal(signalId: number): RegisteredSignal | undefined;
  /** How many signals have an address. */
  readonly size: number;
  /** Called after every load that changed something. Returns a function that unsubscribes. */
  onChange(listener: () => void): () => void;
  /** Reads all sources of the organization anew. Throws what the database throws, and then keeps the old contents. */
  load(connection: Connection, organizationId: number): Promise<void>;
}

interface SourceRow {
  protocol: Protocol;
  server: string;
  address: string;
  signal_id: number;
  machine_id: number;
  kind: SignalKind;
  quantity: string;
  expected_interval_seconds: number;
}

/** An empty registry; `load` fills it. */
export function createSignalRegistry(): SignalRegistry {
  let byAddress = new Map<string, RegisteredSignal>();
  let byId = new Map<number, RegisteredSignal>();
  let lists = new Map<Protocol, SignalAddress[]>();
  let fingerprint = '';
  let version = 0;
  const listeners = new Set<() => void>();

  return {
    get version() {
      return version;
    },
    find(protocol, address, server = '') {
      // One map for all protocols costs a string concatenation for each look-up except the hot one, mqtt.
      if (protocol === 'mqtt') return byAddress.get(address);
      if (server !== '') {
        const exact = byAddress.get(keyOf(protocol, server, address));
        if (exact !== undefined) return exact;
      }
      return byAddress.get(keyOf(protocol, '', address));
    },
    list: (protocol) => lists.get(protocol) ?? [],
    signal: (signalId) => byId.get(signalId),
    get size() {
      return byId.size;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async load(connection, organizationId) {
      const rows = await connection.query<SourceRow>(
        `select ss.protocol, ss.server, ss.address, s.signal_id, s.machine_id, s.kind, s.quantity, s.expected_interval_seconds
           from signal_source ss join signal s using (signal_id)
          where ss.organization_id = $1
          order by ss.protocol, ss.server, ss.address`,
        [organizationId],
      );
      const text = JSON.stringify(rows);
      if (text === fingerprint && version > 0) return;
      byAddress = new Map();
      byId = new Map();
      lists = new Map();
      for (const { protocol, server, address, ...signal } of rows) {
        byAddress.set(protocol === 'mqtt' ? address : keyOf(protocol, server, address), signal);
        byId.set(signal.signal_id, signal);
        const list = lists.get(protocol) ?? [];
        list.push({ server, address, signal });
        lists.set(protocol, list);
      }
      fingerprint = text;
      version++;
      for (const listener of listeners) listener();
    },
  };
}

// A tab cannot stand in a protocol's name or in a URI, so that no two keys can meet.
const keyOf = (protocol: Protocol, server: string, address: string): string => `${protocol}\t${server}\t${address}`;
