import type { SnapshotEvent, StatesEvent, StreamEvents, ValuesEvent } from '../../api/schemas/stream.ts';

/**
 * What the live stream has said so far, as the snapshot a newcomer would get. The leading tab keeps it, so that a tab
 * opened later or one that resumes after a pause starts complete without asking the server.
 */
export function mergeEvent<Name extends keyof StreamEvents>(
  sofar: SnapshotEvent,
  name: Name,
  data: StreamEvents[Name],
): SnapshotEvent {
  switch (name) {
    case 'snapshot':
      return data as StreamEvents['snapshot'];
    case 'heartbeat': {
      const { server_time_ms, known_age_ms } = data as StreamEvents['heartbeat'];
      return { ...sofar, server_time_ms, known_age_ms };
    }
    case 'values':
      return { ...sofar, values: mergeValues(sofar.values, data as ValuesEvent) };
    case 'states':
      return { ...sofar, states: mergeStates(sofar.states, data as StatesEvent) };
    case 'oee':
      return { ...sofar, oee: data as StreamEvents['oee'] };
    case 'alarms': {
      // Changed alarms are not kept here: whoever starts later asks for the open ones.
      const { counts } = data as StreamEvents['alarms'];
      return { ...sofar, alarms: { counts, items: [], faults: [] } };
    }
    case 'work_orders': {
      const { counts } = data as StreamEvents['work_orders'];
      return { ...sofar, work_orders: { counts, items: [] } };
    }
    default:
      return sofar;
  }
}

export function mergeValues(sofar: ValuesEvent | undefined, news: ValuesEvent): ValuesEvent {
  if (sofar === undefined) return news;
  const merged: ValuesEvent = {
    signal_id: [...sofar.signal_id],
    value: [...sofar.value],
    time_ms: [...sofar.time_ms],
    quality: [...sofar.quality],
  };
  const at = new Map(merged.signal_id.map((id, index) => [id, index]));
  for (const [index, id] of news.signal_id.entries()) {
    const place = at.get(id) ?? merged.signal_id.length;
    merged.signal_id[place] = id;
    merged.value[place] = news.value[index] ?? null;
    merged.time_ms[place] = news.time_ms[index] ?? 0;
    merged.quality[place] = news.quality[index] ?? 0;
  }
  return merged;
}

function mergeStates(sofar: StatesEvent | undefined, news: StatesEvent): StatesEvent {
  if (sofar === undefined) return news;
  const merged: StatesEvent = {
    machine_id: [...sofar.machine_id],
    state: [...sofar.state],
    since_ms: [...sofar.since_ms],
    fault_code: [...sofar.fault_code],
  };
  const at = new Map(merged.machine_id.map((id, index) => [id, index]));
  for (const [index, id] of news.machine_id.entries()) {
    const place = at.get(id) ?? merged.machine_id.length;
    merged.machine_id[place] = id;
    merged.state[place] = news.state[index] ?? 'no_data';
    merged.since_ms[place] = news.since_ms[index] ?? 0;
    merged.fault_code[place] = news.fault_code[index] ?? null;
  }
  return merged;
}
