import { createColumns } from '../../core/reading-columns.ts';
import type { Source, SourceIntake } from '../receive/receiver.ts';
import type { JournaledIntake } from './record.ts';

/** What one source hands over between two records of the journal, empty. */
export function createSource(source: Source, farFutureHours: number): SourceIntake {
  return {
    source,
    far_future_hours: farFutureHours,
    received: 0,
    lost_upstream: 0,
    untimed: 0,
    dropped: 0,
    live: createColumns(64),
    historical: createColumns(0),
    texts: [],
    parked: [],
    rejected: [],
  };
}

/** Takes the readings out and leaves the counts: they are dropped, but booked. */
export function clearReadings(intake: SourceIntake): void {
  intake.live.length = 0;
  intake.historical.length = 0;
  intake.texts.length = 0;
  intake.parked.length = 0;
  intake.rejected.length = 0;
}

/** Ready for the next record. */
export function clear(intake: SourceIntake): void {
  clearReadings(intake);
  intake.received = 0;
  intake.lost_upstream = 0;
  intake.untimed = 0;
  intake.dropped = 0;
}

/** The books of a source in a record that was dropped, to which those of others are added. */
export function emptyLike(source: JournaledIntake): JournaledIntake {
  return {
    protocol: source.protocol,
    name: source.name,
    received: 0,
    lost_upstream: 0,
    untimed: 0,
    dropped: 0,
    live: createColumns(0),
    historical: createColumns(0),
    texts: [],
    parked: [],
    rejected: [],
  };
}
