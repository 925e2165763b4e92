import type { Connection } from '../../../core/database.ts';
import type { Protocol, SignalKind } from '../../../core/reading.ts';
import { createColumns } from '../../../core/reading-columns.ts';
import { createSignalRegistry, type SignalRegistry } from '../../resolve/signal-registry.ts';
import type { Intake, Source, SourceIntake } from '../receiver.ts';

/** One row of what a receiver handed over, for comparing in tests. */
export interface CollectedReading {
  signal_id: number;
  time_us: number;
  /** null where the column has NaN, as the database will have. */
  value: number | null;
  quality: number;
  historical: boolean;
}

/** An intake that keeps everything in memory, for tests of a receiver without journal and database. */
export interface CollectingIntake extends Intake {
  /** What a source said; undefined when it said nothing. */
  of(name: string): SourceIntake | undefined;
  /** All readings of a source, live ones first, each kind in the order of arrival. */
  readings(name: string): CollectedReading[];
  /** Messages that were opened and not handed over; 0 between messages. */
  readonly open_messages: number;
}

export function collectIntake(): CollectingIntake {
  const sources = new Map<string, SourceIntake>();
  let opened = 0;

  function create(source: Source): SourceIntake {
    return {
      source,
      far_future_hours: 24,
      received: 0,
      lost_upstream: 0,
      untimed: 0,
      dropped: 0,
      live: createColumns(16),
      historical: createColumns(0),
      texts: [],
      parked: [],
      rejected: [],
    };
  }

  function rows({ live, historical }: SourceIntake): CollectedReading[] {
    return [live, historical].flatMap((columns) =>
      Array.from({ length: columns.length }, (_, row) => ({
        signal_id: columns.signal_id[row] as number,
        time_us: columns.time_us[row] as number,
        value: Number.isNaN(columns.value[row]) ? null : (columns.value[row] as number),
        quality: columns.quality[row] as number,
        historical: columns === historical,
      })),
    );
  }

  return {
    open(source) {
      opened++;
      const intake = sources.get(source.name) ?? create(source);
      sources.set(source.name, intake);
      return intake;
    },
    handOver(onDurable, token = 0) {
      opened--;
      onDurable?.(token);
      return true;
    },
    isFull: false,
    fullness: null,
    isRoomy: true,
    onFull: () => () => undefined,
    of: (name) => sources.get(name),
    readings: (name) => rows(sources.get(name) ?? create({ protocol: 'mqtt', name })),
    get open_messages() {
      return opened;
    },
  };
}

/** A source of a signal as a test writes it. */
export interface TestSignal {
  signal_id: number;
  protocol: Protocol;
  address: string;
  server?: string;
  kind?: SignalKind;
  expected_interval_seconds?: number;
}

/** A registry filled with `signals`, through the same loading that the database goes through. */
export async function registerSignals(
  signals: readonly TestSignal[],
  into: SignalRegistry = createSignalRegistry(),
): Promise<SignalRegistry> {
  const rows = signals.map(({ server = '', kind = 'measurement', expected_interval_seconds = 1, ...signal }) => ({
    server,
    machine_id: 1,
    kind,
    quantity: 'temperature',
    expected_interval_seconds,
    ...signal,
  }));
  await into.load({ query: async () => rows } as unknown as Connection, 1);
  return into;
}
