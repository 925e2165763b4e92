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
