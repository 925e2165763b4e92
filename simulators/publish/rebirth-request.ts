import { decodePayload } from '../../core/sparkplug/decode-payload.ts';
import { rebirthMetric } from '../../core/sparkplug/messages.ts';
import { createPayloadColumns } from '../../core/sparkplug/payload-columns.ts';

const columns = createPayloadColumns(4);

/** Whether an NCMD asks for a rebirth: its metric `Node Control/Rebirth` is true. */
export function isRebirthRequest(payload: Buffer): boolean {
  if (decodePayload(payload, columns) !== null) return false;
  for (let row = 0; row < columns.length; row++) {
    const name = payload.toString('utf8', columns.name_start[row], columns.name_end[row]);
    if (name === rebirthMetric && columns.number[row] === 1) return true;
  }
  return false;
}
