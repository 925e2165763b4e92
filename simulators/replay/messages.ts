import type { EdgeMessage } from '../publish/edge-buffer.ts';
import type { Row } from './read-rows.ts';

/** How rows become messages: a reading each, a row each, or so many rows together. */
export type ReplayForm = 'single' | 'row' | number;

/** Writes rows as JSON on `prefix` (`enterprise/site/line/machine`), the digits of values and times as they are in the file. */
export function createRowWriter(
  prefix: string,
  form: ReplayForm,
): { write(row: Row): EdgeMessage[]; flush(): EdgeMessage[] } {
  let batch: string[] = [];
  let readings = 0;

  function flush(): EdgeMessage[] {
    if (batch.length === 0) return [];
    const message = { topic: prefix, payload: `[${batch.join(',')}]`, readings };
    batch = [];
    readings = 0;
    return [message];
  }
  return {
    flush,
    write({ time, values }) {
      if (values.length === 0) return [];
      const ts = JSON.stringify(time.text);
      if (form === 'single') {
        return values.map(([name, json]) => ({
          topic: `${prefix}/${name}`,
          payload: `{"ts":${ts},"value":${json}}`,
          readings: 1,
        }));
      }
      const fields = values.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',');
      const moment = `{"ts":${ts},"values":{${fields}}}`;
      if (form === 'row') return [{ topic: prefix, payload: moment, readings: values.length }];
      batch.push(moment);
      readings += values.length;
      return batch.length >= form ? flush() : [];
    },
  };
}
