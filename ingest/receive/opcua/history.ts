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

export interface HistorySummary {
  values: number;
  /** The server keeps no history of these. */
  without: Item[];
  /** These have not been read to their end, with the reason. */
  failed: { item: Item; reason: string }[];
}

/**
 * Reads what the server recorded of `items` in `range`, of `nodesPerCall` at once, and hands every page to `onValues`,
 * which may make us wait. Throws when the connection is lost; stops when `signal` aborts. Follows continuation points
 * until they end or one comes again, which some servers do for ever. A server keeps only a few of them: the items that
 * get none are read again in halves, once the others have given theirs back.
 */
export async function readHistory(
  session: Session,
  items: readonly Item[],
  range: HistoryRange,
  nodesPerCall: number,
  onValues: (item: Item, values: readonly DataValue[]) => Promise<void>,
  signal: AbortSignal,
): Promise<HistorySummary> {
  const summary: HistorySummary = { values: 0, without: [], failed: [] };
  for (let from = 0; from < items.length; from += nodesPerCall) await readGroup(items.slice(from, from + nodesPerCall));
  return summary;

  async function readGroup(group: readonly Item[]): Promise<void> {
    const starved: Item[] = [];
    let open = group.map((item) => ({ item, point: null as Buffer | null }));
    for (let page = 0; open.length > 0 && page < mostPages && !signal.aborted; page++) {
      const results = await readPage(session, open, range);
      const next: typeof open = [];
      for (const [index, { item, point }] of open.entries()) {
        const status = results[index]?.statusCode ?? StatusCodes.BadUnexpectedError;
        if (status.equals(StatusCodes.BadNoContinuationPoints) && group.length > 1) starved.push(item);
        else if (noHistory.some((one) => status.equals(one))) summary.without.push(item);
        else if (status.isBad() && !status.equals(StatusCodes.BadNoData)) {
          summary.failed.push({ item, reason: status.name });
        } else {
          const values = valuesOf(results[index]);
          summary.values += values.length;
          if (values.length > 0) await onValues(item, values);
          const following = results[index]?.continuationPoint;
          const isNew = following !== null && following !== undefined && following.length > 0;
          if (isNew && (point === null || !following.equals(point))) next.push({ item, point: following });
        }
      }
      open = next;
    }
    if (open.length > 0) await release(session, open, range);
    for (const { item } of open) summary.failed.push({ item, reason: `more than ${mostPages} pages` });
    const half = Math.ceil(starved.length / 2);
    for (const part of [starved.slice(0, half), starved.slice(half)])
      if (part.length > 0 && !signal.aborted) await readGroup(part);
  }
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

function valuesOf(result: HistoryReadResult | undefined): readonly DataValue[] {
  const historyData = result?.historyData;
  return historyData instanceof HistoryData ? (historyData.dataValues ?? []) : [];
}
