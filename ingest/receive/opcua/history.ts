import {
  AttributeIds,
  type DataValue,
  HistoryData,
  HistoryReadRequest,
  type HistoryReadResult,
  ReadRawModifiedDetails,
  StatusCodes,
  TimestampsToReturn,
} from 'node-opcua';
import type { Session } from './session.ts';
import type { Item } from './subscription.ts';

export interface HistoryRange {
  fromMs: number;
  toMs: number;
}

const valuesPerNode = 1000;
/** A server that pages for ever must not hold us for ever: about half a day at 10 Hz for each item. */
const mostPages = 500;

/** The server keeps no history of an item, or does not show it to us. */
const noHistory = [
  StatusCodes.BadHistoryOperationUnsupported,
  StatusCodes.BadHistoryOperationInvalid,
  StatusCodes.BadNotSupported,
  StatusCodes.BadServiceUnsupported,
  StatusCodes.BadNotReadable,
  StatusCodes.BadUserAccessDenied,
];

/**
 * Reads what the server recorded of `items` in `range`, of `nodesPerCall` at once, and hands every page to `onValues`,
 * which may make us wait.
 * Answers how many values came and which items have no history. Throws when the connection is lost; stops when
 * `signal` aborts. Follows continuation points until they end or one comes again, which some servers do for ever.
 */
export async function readHistory(
  session: Session,
  items: readonly Item[],
  range: HistoryRange,
  nodesPerCall: number,
  onValues: (item: Item, values: readonly DataValue[]) => Promise<void>,
  signal: AbortSignal,
): Promise<{ values: number; without: Item[] }> {
  const summary = { values: 0, without: [] as Item[] };
  for (let from = 0; from < items.length && !signal.aborted; from += nodesPerCall) {
    let open = items.slice(from, from + nodesPerCall).map((item) => ({ item, point: null as Buffer | null }));
    for (let page = 0; open.length > 0 && page < mostPages && !signal.aborted; page++) {
      const results = await readPage(session, open, range);
      const next: typeof open = [];
      for (const [index, { item, point }] of open.entries()) {
        const result = results[index];
        if (result === undefined) continue;
        if (noHistory.some((status) => result.statusCode.equals(status))) {
          summary.without.push(item);
          continue;
        }
        const values = valuesOf(result);
        summary.values += values.length;
        if (values.length > 0) await onValues(item, values);
        const following = result.continuationPoint;
        const isNew = following !== null && following !== undefined && following.length > 0;
        if (isNew && (point === null || !following.equals(point))) next.push({ item, point: following });
      }
      open = next;
    }
    if (open.length > 0) await release(session, open, range);
  }
  return summary;
}

async function readPage(
  session: Session,
  open: readonly { item: Item; point: Buffer | null }[],
  range: HistoryRange,
  releaseContinuationPoints = false,
): Promise<HistoryReadResult[]> {
  const response = await session.historyRead(
    new HistoryReadRequest({
      historyReadDetails: new ReadRawModifiedDetails({
        isReadModified: false,
        startTime: new Date(range.fromMs),
        endTime: new Date(range.toMs),
        numValuesPerNode: valuesPerNode,
        returnBounds: false,
      }),
      timestampsToReturn: TimestampsToReturn.Both,
      releaseContinuationPoints,
      nodesToRead: open.map(({ item, point }) => ({
        nodeId: item.nodeId,
        attributeId: AttributeIds.Value,
        ...(point === null ? {} : { continuationPoint: point }),
      })),
    }),
  );
  return response.results ?? [];
}

/** A server keeps only a few continuation points; those that we do not follow are given back. */
async function release(
  session: Session,
  open: readonly { item: Item; point: Buffer | null }[],
  range: HistoryRange,
): Promise<void> {
  const held = open.filter(({ point }) => point !== null);
  if (held.length > 0) await readPage(session, held, range, true).catch(() => undefined);
}

function valuesOf({ historyData }: HistoryReadResult): readonly DataValue[] {
  return historyData instanceof HistoryData ? (historyData.dataValues ?? []) : [];
}
