/** What the store has done since the start, and what hinders it. */
export interface StoreState {
  batches: number;
  stored: number;
  duplicate: number;
  rejected: number;
  parked: number;
  retries: number;
  /** Why nothing can be stored just now, in one sentence, or null. */
  failure: string | null;
  last_commit_at_ms: number | null;
  last_batch_rows: number;
  last_batch_ms: number;
}

/** Of a store that has done nothing yet. */
export function createStoreState(): StoreState {
  return {
    batches: 0,
    stored: 0,
    duplicate: 0,
    rejected: 0,
    parked: 0,
    retries: 0,
    failure: null,
    last_commit_at_ms: null,
    last_batch_rows: 0,
    last_batch_ms: 0,
  };
}
