import type { Log } from '../../core/log.ts';
import type { Fullness } from '../receive/receiver.ts';

/** Why the intake can take nothing more, and who must know. */
export interface IntakeFullness {
  /** The journal has no room. Whether that stops the intake is `JOURNAL_WHEN_FULL`. */
  journal: boolean;
  /** The disk has not answered for a second. */
  disk: boolean;
  /** The memory was full when a message came. */
  memory: boolean;
  /** The weightiest reason, null when there is none. */
  readonly reason: Fullness | null;
  /** What the receivers were told last. */
  readonly isTold: boolean;
  /** Tells the receivers when reading must stop, and when it may go on. To be called after each change. */
  tell(): void;
  /** Calls back at each change of `isTold`; answers how to stop. */
  onChange(listener: (full: boolean) => void): () => void;
}

/** `facts` are what the log says beside the reasons when reading stops. */
export function createIntakeFullness(options: {
  stopsWhenFull: boolean;
  log: Log;
  facts: () => object;
}): IntakeFullness {
  const { stopsWhenFull, log, facts } = options;
  const listeners = new Set<(full: boolean) => void>();
  let isTold = false;

  return {
    journal: false,
    disk: false,
    memory: false,
    get reason() {
      if (this.journal && stopsWhenFull) return 'journal';
      if (this.disk) return 'disk';
      return this.memory ? 'memory' : null;
    },
    get isTold() {
      return isTold;
    },
    tell() {
      const isFull = this.reason !== null;
      if (isFull === isTold) return;
      isTold = isFull;
      if (isFull)
        log.error(
          { journal_is_full: this.journal, disk_is_silent: this.disk, memory_is_full: this.memory, ...facts() },
          'the journal can take nothing more; acknowledging and reading stop',
        );
      else log.info('the journal takes readings again');
      for (const listener of listeners) listener(isFull);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
