import type { SnapshotEvent } from '../../api/schemas/stream.ts';
import { hear, heardLeader, leave, type Message, type Seat, takeSeat, tick } from './leader.ts';
import { mergeEvent } from './merge.ts';
import { type Connection, type LiveMessage, openStream, type Stream } from './stream.ts';
import { plantUrl, valuesUrl, type Want } from './wants.ts';

/** What goes over the channel: the election, what each tab wants, and what the leader receives. */
type Note =
  | { to: 'election'; message: Message }
  | { to: 'leader'; from: string; want: Want | null; complete: boolean }
  | { to: 'followers'; message: LiveMessage };

export interface Tabs {
  /** This tab shows another page now. */
  want(want: Want): void;
  /** Asks for everything anew: the page was hidden, or resumes after a pause. */
  refresh(): void;
  close(): void;
}

/** A stream older than this when its tab comes back into sight is opened anew: it may be half-open. */
const trustedMs = 12_000;

/**
 * Joins the tabs of this browser: one holds the stream and passes every event on, so that any number of tabs costs the
 * server one connection and the browser one of its six. Without BroadcastChannel each tab has its own stream.
 */
export function joinTabs(
  tell: (message: LiveMessage) => void,
  now: () => number,
  isRefused: () => Promise<boolean>,
): Tabs {
  const id = [...crypto.getRandomValues(new Uint32Array(2))].map((part) => part.toString(36)).join('');
  const channel = typeof BroadcastChannel === 'undefined' ? undefined : new BroadcastChannel('millrace-live');
  const wants = new Map<string, Want>([[id, { values: 'none' }]]);
  const elapsed = (): number => performance.now();
  let seat: Seat;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stream: Stream | undefined;
  let valuesStream: { url: string; stream: Stream } | undefined;
  let sofar: SnapshotEvent | undefined;
  let connection: Connection | undefined;
  let heardAt = elapsed();

  function post(note: Note): void {
    channel?.postMessage(note);
  }

  function take({ seat: next, send }: { seat: Seat; send: Message[] }): void {
    const before = seat as Seat | undefined;
    seat = next;
    for (const message of send) post({ to: 'election', message });
    if (next.role === 'leading' && stream === undefined) lead();
    if (next.role !== 'leading') letGo();
    if (next.role === 'following' && next.leader !== before?.leader)
      post({ to: 'leader', from: id, want: wants.get(id) ?? null, complete: true });
    clearTimeout(timer);
    timer = setTimeout(() => take(tick(seat, elapsed())), Math.max(0, next.deadline - elapsed()) + 1);
  }

  function lead(): void {
    stream = openStream(plantUrl, receive, now, isRefused);
    serveWants();
  }

  function letGo(): void {
    stream?.close();
    stream = undefined;
    valuesStream?.stream.close();
    valuesStream = undefined;
  }

  /** Opens, changes or closes the stream of values after what the tabs show now. */
  function serveWants(): void {
    if (stream === undefined) return;
    const url = valuesUrl(wants.values());
    if (url === (valuesStream?.url ?? null)) return;
    if (url === null) {
      valuesStream?.stream.close();
      valuesStream = undefined;
    } else if (valuesStream === undefined) {
      valuesStream = { url, stream: openStream(url, receiveValues, now, isRefused) };
    } else {
      valuesStream.url = url;
      valuesStream.stream.reopen(url);
    }
  }

  /** Whether the page is alive is for the plant's stream to say; values that stop coming grow old before one's eyes. */
  function receiveValues(message: LiveMessage): void {
    if (message.name === 'values') receive(message);
    else if (message.name === 'snapshot' && message.data.values !== undefined)
      receive({ name: 'values', data: message.data.values });
  }

  function receive(message: LiveMessage): void {
    heardAt = elapsed();
    if (message.name === 'connection') connection = message.data;
    else if (message.name === 'snapshot') sofar = { ...message.data, ...(sofar?.values && { values: sofar.values }) };
    else if (sofar !== undefined) sofar = mergeEvent(sofar, message.name, message.data);
    tell(message);
    post({ to: 'followers', message });
  }

  function complete(): void {
    if (connection !== undefined) post({ to: 'followers', message: { name: 'connection', data: connection } });
    if (sofar !== undefined) post({ to: 'followers', message: { name: 'snapshot', data: sofar } });
  }

  channel?.addEventListener('message', (event: MessageEvent<Note>) => {
    const note = event.data;
    if (note.to === 'election') {
      take(hear(seat, note.message, elapsed()));
    } else if (note.to === 'followers' && seat.role !== 'leading') {
      seat = heardLeader(seat, elapsed());
      heardAt = elapsed();
      tell(note.message);
    } else if (note.to === 'leader') {
      if (note.want === null) wants.delete(note.from);
      else wants.set(note.from, note.want);
      serveWants();
      if (note.complete && seat.role === 'leading') complete();
    }
  });

  function onVisibility(): void {
    seat = { ...seat, visible: document.visibilityState === 'visible' };
    if (seat.visible) tabs.refresh();
  }

  const tabs: Tabs = {
    want(want) {
      wants.set(id, want);
      post({ to: 'leader', from: id, want, complete: false });
      serveWants();
    },
    refresh() {
      if (stream === undefined) post({ to: 'leader', from: id, want: wants.get(id) ?? null, complete: true });
      else if (elapsed() - heardAt > trustedMs) stream.reopen(plantUrl);
      else if (sofar !== undefined) tell({ name: 'snapshot', data: sofar });
    },
    close() {
      post({ to: 'leader', from: id, want: null, complete: false });
      for (const message of leave(seat)) post({ to: 'election', message });
      clearTimeout(timer);
      letGo();
      channel?.close();
      document.removeEventListener('visibilitychange', onVisibility);
    },
  };

  document.addEventListener('visibilitychange', onVisibility);
  if (channel === undefined) {
    seat = { id, role: 'leading', term: 1, leader: id, deadline: Number.POSITIVE_INFINITY, visible: true };
    lead();
  } else {
    seat = takeSeat(id, elapsed(), document.visibilityState === 'visible').seat;
    take(takeSeat(id, elapsed(), document.visibilityState === 'visible'));
  }
  return tabs;
}
