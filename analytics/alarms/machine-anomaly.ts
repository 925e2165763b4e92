/**
 * Machine-level fusion of sensor anomalies. 1,781 good detectors still raise about a hundred false anomalies a day
 * (measured on NAB), so a single one is only listed; a machine alarms when several of its sensors agree, or one is far
 * beyond anything seen, for long enough.
 */
export interface FusionMemory {
  phase: 'quiet' | 'pending' | 'alarming' | 'returning';
  since_us: number;
  peak_score: number;
  /** Source time of the last alarm; absent before the first. */
  raised_us?: number;
}

/** Agreeing sensors, and how long they must agree. */
const agreeingSensors = 2;
const agreeUs = 180e6;
/** A lone sensor must be 24 spreads off (score 0.9), for longer. */
const loneScore = 0.9;
const loneUs = 600e6;
/** No sensor may be anomalous for this long before the alarm returns. */
const returnUs = 300e6;
/** The alarm only advises, so a machine raises it at most once in this time; what still goes on then is said then. */
const quietUs = 3600e6;

export interface FusionChange {
  raised: boolean;
  at_us: number;
  peak_score: number;
}

export function createFusion(): FusionMemory {
  return { phase: 'quiet', since_us: 0, peak_score: 0 };
}

/** The machine's sensors at a moment: how many are in an open anomaly, and the highest score of those. */
export function observeMachine(
  memory: FusionMemory,
  timeUs: number,
  openSensors: number,
  highestScore: number,
): FusionChange | null {
  const agree = openSensors >= agreeingSensors;
  const suspicious = agree || (openSensors > 0 && highestScore >= loneScore);
  switch (memory.phase) {
    case 'quiet':
      if (suspicious) {
        memory.phase = 'pending';
        memory.since_us = timeUs;
        memory.peak_score = highestScore;
      }
      return null;
    case 'pending': {
      if (!suspicious) {
        memory.phase = 'quiet';
        return null;
      }
      memory.peak_score = Math.max(memory.peak_score, highestScore);
      if (timeUs - memory.since_us < (agree ? agreeUs : loneUs)) return null;
      if (timeUs - (memory.raised_us ?? Number.NEGATIVE_INFINITY) < quietUs) return null;
      memory.phase = 'alarming';
      memory.raised_us = timeUs;
      return { raised: true, at_us: memory.since_us, peak_score: memory.peak_score };
    }
    case 'alarming':
      memory.peak_score = Math.max(memory.peak_score, highestScore);
      if (openSensors === 0) {
        memory.phase = 'returning';
        memory.since_us = timeUs;
      }
      return null;
    case 'returning':
      if (openSensors > 0) {
        memory.phase = 'alarming';
        return null;
      }
      if (timeUs - memory.since_us < returnUs) return null;
      memory.phase = 'quiet';
      return { raised: false, at_us: memory.since_us, peak_score: memory.peak_score };
  }
}
