/** Counts over all sessions with one server, for people. */
export interface ServerCounts {
  notifications: number;
  values: number;
  lost_messages: number;
  republished_messages: number;
  queue_overflows: number;
  recreated_subscriptions: number;
  recreated_items: number;
  transferred_subscriptions: number;
  silent_subscriptions: number;
  /** Readings without a value that say "nobody reports this signal any more". */
  stale_readings: number;
  backfilled_values: number;
  /** Outages of which the history gave nothing: what was measured then is lost, and how much nobody knows. */
  unfilled_outages: number;
  unfilled_seconds: number;
}

export function createServerCounts(): ServerCounts {
  return {
    notifications: 0,
    values: 0,
    lost_messages: 0,
    republished_messages: 0,
    queue_overflows: 0,
    recreated_subscriptions: 0,
    recreated_items: 0,
    transferred_subscriptions: 0,
    silent_subscriptions: 0,
    stale_readings: 0,
    backfilled_values: 0,
    unfilled_outages: 0,
    unfilled_seconds: 0,
  };
}
