/**
 * The quality of a reading: one enum for every protocol. The numbers are Sparkplug's where Sparkplug has one
 * (0 bad, 192 good, 500 stale) and the OPC "uncertain" class (64) for the rest.
 */
export const Quality = { bad: 0, uncertain: 64, good: 192, stale: 500 } as const;
export type Quality = (typeof Quality)[keyof typeof Quality];

export const qualityNames = new Map<number, 'bad' | 'uncertain' | 'good' | 'stale'>([
  [Quality.bad, 'bad'],
  [Quality.uncertain, 'uncertain'],
  [Quality.good, 'good'],
  [Quality.stale, 'stale'],
]);

/** Good and uncertain values may be used in aggregates; bad and stale ones are stored and left out. */
export function isUsable(quality: number): boolean {
  return quality === Quality.good || quality === Quality.uncertain;
}

/** ISA-95 equipment signals: what a signal says about its machine decides which part of analytics reads it. */
export const signalKinds = ['measurement', 'state', 'counter', 'fault', 'order'] as const;
export type SignalKind = (typeof signalKinds)[number];

/** How a source speaks to us. */
export const protocols = ['mqtt', 'sparkplug', 'opcua'] as const;
export type Protocol = (typeof protocols)[number];

/** Why a reading or a whole message was rejected. */
export const rejectReasons = [
  'malformed_payload', // not JSON, not protobuf, not the expected shape
  'wrong_topic', // not <enterprise>/<site>/<line>/<machine>[/<signal>]
  'missing_value', // no value, or null without quality "bad"
  'not_a_number', // a text or an object where the signal needs a number; NaN
  'out_of_range', // a number that float8 cannot hold, such as 1e400
  'inexact_number', // a whole number beyond 2^53 that float8 would change
  'unknown_state', // a state that is neither a PackML number nor a PackML name
  'wrong_quality', // a quality word that is none of ours
  'wrong_time', // a time that cannot be read
  'zero_time', // a clock that was never set: 1601, 1970, 1990-01-01, …
  'far_future', // stamped more than a day ahead
  'text_too_long',
  'too_many_texts', // the room for distinct texts is used up
  'unsupported_type', // DataSet, Template, arrays, …
  'before_birth', // Sparkplug data of a metric that no birth certificate has announced
  'retained_untimed', // a retained message without a time: nobody knows how old it is
  'too_large', // a message above the size that is decoded
  'ignored_address', // an unknown address that somebody asked to ignore
  'parked_full', // an unknown address, and no room left to park it
  'conflict', // same signal and time as a stored reading, other value or quality
  'too_old', // before the kept readings, and no room for a further day of such
  'unknown_signal', // a row of a file that names a signal that is not there
  'refused_by_database', // bisected out of a batch that the database would not take
] as const;
export type RejectReason = (typeof rejectReasons)[number];
