import { useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Alarm } from '../../api/schemas/alarm.ts';
import type { Series } from '../../api/schemas/reading.ts';
import type { MachineSignal } from '../../api/schemas/signal.ts';
import { get } from '../fetch.ts';
import { formatUnit, formatValue } from '../format/numbers.ts';
import { formatClock, formatClockSeconds, formatDuration, formatMoment, formatZone } from '../format/times.ts';
import { isMoving, now, onValues, resumed } from '../live/store.ts';
import { Failed } from '../parts/notice.tsx';
import { useResource } from '../parts/resource.ts';
import { themeChanges } from '../parts/theme.tsx';
import { appendReading, columnsOf, continueWith, forgetBefore, silentSince, type TrendColumns } from './columns.ts';
import { loadPlot } from './load-plot.ts';
import type { Plot } from './plot.ts';
import type { Range } from './range.ts';

interface Props {
  signal: MachineSignal;
  range: Range;
  alarms: Alarm[];
  zone: string;
  onZoom(from: number, to: number): void;
  onBack(): void;
}

/** After so many expected intervals of silence the trend is hatched up to now: nothing is known there. */
const silentIntervals = 5;
/** A finger never leaves a picture as a mouse does, so what it points at is let go after this long. */
const touchHeldMs = 8000;

/** The trend of one signal: asked from the server once for a range, then grown by the live stream. */
export function Trend({ signal, range, alarms, zone, onZoom, onBack }: Props) {
  const element = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  const columns = useRef<TrendColumns | null>(null);
  const cursor = useSignal<number | null>(null);
  /** While a live trend stands still under a cursor: since when, in server time. */
  const heldAt = useRef<number | null>(null);
  const touch = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const shown = useSignal(0);
  const failed = useSignal<string | null>(null);
  const key =
    range.kind === 'live' ? `${signal.signal_id} ${range.name}` : `${signal.signal_id} ${range.from_ms} ${range.to_ms}`;

  const series = useResource<Series>(
    key,
    (abort) => {
      const to = range.kind === 'live' ? now.peek() : range.to_ms;
      const from = range.kind === 'live' ? to - range.seconds * 1000 : range.from_ms;
      // An hour at one reading a second is drawn reading by reading; longer ranges as one-minute bands.
      const points = matchMedia('(max-width: 700px)').matches ? 500 : 1800;
      const query = new URLSearchParams({ from: iso(from), to: iso(to), points: String(points) });
      return get<Series>(`/signals/${signal.signal_id}/series?${query}`, abort);
    },
    // Buckets grow by themselves only roughly; raw series need no second question.
    range.kind === 'live' && range.seconds > 3600 ? 300 : undefined,
  );

  function draw(): void {
    if (plot.current === null || columns.current === null) return;
    const live = range.kind === 'live';
    const to = live ? now.peek() / 1000 : range.to_ms / 1000;
    const from = live ? to - range.seconds : range.from_ms / 1000;
    if (live) forgetBefore(columns.current, from);
    const patience = silentIntervals * signal.expected_interval_seconds + (columns.current.bucket_seconds ?? 0);
    const end = Math.min(to, now.peek() / 1000);
    plot.current.show(columns.current, from, to, silentSince(columns.current, from, end, patience));
    // Peeked at: an effect that draws must not hang on its own drawing, or it draws as often as the screen does.
    shown.value = shown.peek() + 1;
  }

  /** Lets go of the cursor, and with it of the picture that stood still under it. */
  function release(): void {
    clearTimeout(touch.current);
    if (cursor.peek() === null) return;
    plot.current?.clearCursor();
    draw();
  }

  // The chart lives as long as there is something to draw; it is made anew for another signal only.
  useEffect(() => {
    const answer = series.value === null ? null : columnsOf(series.value);
    if (answer !== null && columns.current !== null && range.kind === 'live') continueWith(answer, columns.current);
    columns.current = answer;
    if (columns.current === null || element.current === null) return;
    if (plot.current !== null) {
      draw();
      return;
    }
    let gone = false;
    loadPlot().then(
      ({ createPlot }) => {
        if (gone || element.current === null || columns.current === null) return;
        plot.current = createPlot({
          element: element.current,
          columns: columns.current,
          limits: signal,
          alarms: marksOf(alarms),
          zone,
          syncName: 'machine',
          onZoom: (from, to) => onZoom(from, to),
          onBack: () => onBack(),
          onCursor: (index) => {
            if (index === null) heldAt.current = null;
            else heldAt.current ??= now.peek();
            cursor.value = index;
          },
        });
        draw();
      },
      () => {
        failed.value = 'The chart code could not be loaded; a newer version may have been installed.';
      },
    );
    return () => {
      gone = true;
    };
  }, [series.value]);
  useEffect(
    () => () => {
      clearTimeout(touch.current);
      plot.current?.destroy();
      plot.current = null;
    },
    [],
  );

  // What passed while nothing was received is on the server: without asking it would look like a gap of the machine.
  useEffect(() => {
    const seen = resumed.peek();
    return resumed.subscribe((count) => {
      if (count !== seen && range.kind === 'live') series.reload();
    });
  }, [key]);
  useEffect(() => plot.current?.setAlarms(marksOf(alarms)), [alarms]);
  useEffect(() => {
    if (range.kind !== 'live') return;
    return onValues((event) => {
      const at = event.signal_id.indexOf(signal.signal_id);
      if (at === -1 || columns.current === null) return;
      const reading = {
        time: (event.time_ms[at] ?? 0) / 1000,
        value: event.value[at] ?? null,
        quality: event.quality[at] ?? 0,
      };
      appendReading(columns.current, reading, signal.expected_interval_seconds);
    });
  }, [key]);
  useSignalEffect(() => {
    void now.value;
    // Reading a value under the cursor while the picture slides away is what people complain about: it stands still.
    if (range.kind === 'live' && isMoving.value && cursor.peek() === null) draw();
  });
  useSignalEffect(() => {
    if (themeChanges.value > 0) plot.current?.recolor();
  });

  const readout = useComputed(() => {
    const at = cursor.value;
    const rows = columns.current;
    void shown.value;
    const time = at === null ? undefined : rows?.time[at];
    if (rows === null || at === null || time === undefined)
      return rows?.bucket_seconds ? `average of ${formatDuration(rows.bucket_seconds)}, band from least to most` : '';
    const held =
      range.kind === 'live' && heldAt.current !== null ? ` · held at ${formatClock(heldAt.current, zone)}` : '';
    const [low, high, mean] = [rows.min[at], rows.max[at], rows.avg[at]];
    const when = rows.bucket_seconds === null ? formatClockSeconds(time * 1000, zone) : formatMoment(time * 1000, zone);
    if (mean == null) return `${when} no usable value${held}`;
    const unit = formatUnit(signal.unit);
    return rows.bucket_seconds === null
      ? `${when}  ${formatValue(mean)} ${unit}${held}`
      : `${when}  ${formatValue(mean)} (${formatValue(low)} … ${formatValue(high)}) ${unit}${held}`;
  });

  function onKey(event: KeyboardEvent): void {
    const rows = columns.current;
    if (rows === null || rows.time.length === 0) return;
    const last = rows.time.length - 1;
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 }[event.key];
    if (event.key === 'Escape') release();
    else if (step !== undefined || event.key === 'Home' || event.key === 'End') {
      event.preventDefault();
      const from = cursor.value ?? last;
      const to =
        event.key === 'Home' ? 0 : event.key === 'End' ? last : Math.min(last, Math.max(0, from + (step ?? 0)));
      plot.current?.moveCursor(to);
    }
  }

  const isEmpty =
    series.value !== null && series.value.time_ms.length === 0 && (columns.current?.time.length ?? 0) === 0;
  const before = series.value?.before ?? null;
  const error = series.error ?? failed.value;
  return (
    <div class={series.loading && series.value === null ? 'trend trend-loading' : 'trend'}>
      <div
        ref={element}
        class="trend-plot"
        role="img"
        tabIndex={0}
        aria-label={`Trend of ${signal.name}. Arrow keys read it value by value.`}
        onKeyDown={onKey}
        onBlur={release}
        onPointerUp={(event) => {
          clearTimeout(touch.current);
          if (event.pointerType === 'touch') touch.current = setTimeout(release, touchHeldMs);
        }}
        data-signal={signal.signal_id}
        data-rows={shown}
      />
      <p class="trend-readout" aria-live="polite">
        {readout}
      </p>
      {error !== null && <Failed what="This trend" error={error} retry={series.reload} />}
      {error === null && isEmpty && (
        <p class="trend-empty">
          No reading in this range.
          {before !== null &&
            ` The last one before it came at ${formatMoment(Date.parse(before.time), zone)} ${formatZone(Date.parse(before.time), zone)}.`}
        </p>
      )}
    </div>
  );
}

function marksOf(alarms: Alarm[]): { from: number; to: number | null; priority: number }[] {
  return alarms.map((alarm) => ({
    from: Date.parse(alarm.raised_at) / 1000,
    to: alarm.returned_at === null ? null : Date.parse(alarm.returned_at) / 1000,
    priority: alarm.priority,
  }));
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
