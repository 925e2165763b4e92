import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { formatTick } from '../format/numbers.ts';
import { formatClock, formatClockSeconds, formatMoment } from '../format/times.ts';
import { gapsOf, type Limits, type TrendColumns, verticalRange } from './columns.ts';

export interface AlarmMark {
  from: number;
  to: number | null;
  priority: number;
}

export interface PlotSetup {
  element: HTMLElement;
  columns: TrendColumns;
  limits: Limits;
  alarms: AlarmMark[];
  zone: string;
  /** Charts with the same name show their cursors at the same time. */
  syncName: string;
  /** A range was drawn with the mouse, in seconds. */
  onZoom(from: number, to: number): void;
  onBack(): void;
  /** The row under the cursor, or null. */
  onCursor(index: number | null): void;
}

export interface Plot {
  /** Shows the columns between two times, in seconds. `stoppedAt`: from there on nothing is known. */
  show(columns: TrendColumns, from: number, to: number, stoppedAt: number | null): void;
  setAlarms(alarms: AlarmMark[]): void;
  moveCursor(index: number): void;
  /** Takes the cursor away, in every chart that shows it. */
  clearCursor(): void;
  recolor(): void;
  destroy(): void;
}

/** One trend: band of minimum and maximum, line of the average, limits, alarms, and hatching where nothing is known. */
export function createPlot(setup: PlotSetup): Plot {
  let { columns, alarms } = setup;
  let window: [number, number] = [0, 1];
  let stopped: number | null = null;
  let colors = readColors();

  const plot = new uPlot(
    {
      width: setup.element.clientWidth || 300,
      height: setup.element.clientHeight || 120,
      padding: [6, 8, 0, 0],
      legend: { show: false },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), setup.zone),
      cursor: {
        sync: {
          key: setup.syncName,
          setSeries: false,
          filters: { pub: (type) => type !== 'mousedown' && type !== 'mouseup', sub: () => true },
        },
        drag: { x: true, y: false, setScale: false },
        points: { size: 6 },
        bind: {
          dblclick: () => () => {
            setup.onBack();
            return null;
          },
        },
      },
      scales: {
        x: { time: true, range: () => window },
        y: { range: (_plot, low, high) => verticalRange(low ?? null, high ?? null, setup.limits) },
      },
      axes: [
        {
          stroke: () => colors.muted,
          grid: { stroke: () => colors.grid, width: 1 },
          ticks: { show: false },
          size: 1.8 * colors.em,
          font: colors.font,
          space: 5 * colors.em,
          incrs: timeSteps,
          values: (_plot, splits) => {
            const step = (splits[1] ?? window[1]) - (splits[0] ?? window[0]);
            return splits.map((at) => labelOf(at, step, setup.zone));
          },
        },
        {
          stroke: () => colors.muted,
          grid: { stroke: () => colors.grid, width: 1 },
          ticks: { show: false },
          size: 4 * colors.em,
          font: colors.font,
          space: 2 * colors.em,
          values: (_plot, splits) => splits.map((value) => formatTick(value)),
        },
      ],
      series: [
        {},
        { show: true, stroke: 'transparent', points: { show: false } },
        { show: true, stroke: 'transparent', points: { show: false } },
        { stroke: () => colors.line, width: 1.5, points: { show: false } },
      ],
      bands: [{ series: [2, 1], fill: () => colors.band }],
      hooks: {
        drawClear: [drawUnder],
        draw: [drawOver],
        setSelect: [
          (self) => {
            if (self.select.width < 4) return;
            const from = self.posToVal(self.select.left, 'x');
            const to = self.posToVal(self.select.left + self.select.width, 'x');
            self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            setup.onZoom(from, to);
          },
        ],
        setCursor: [(self) => setup.onCursor(self.cursor.idx ?? null)],
      },
    },
    dataOf(columns),
    setup.element,
  );

  const sizes = new ResizeObserver(([entry]) => {
    const width = Math.floor(entry?.contentRect.width ?? 0);
    const height = Math.floor(entry?.contentRect.height ?? 0);
    if (width > 0 && height > 0 && (width !== plot.width || height !== plot.height)) plot.setSize({ width, height });
  });
  sizes.observe(setup.element);

  function drawUnder(self: uPlot): void {
    const { ctx, bbox } = self;
    const pattern = hatch(ctx, colors.muted);
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    const unknown = gapsOf(columns);
    if (stopped !== null && stopped < window[1]) unknown.push([stopped, window[1]]);
    ctx.fillStyle = pattern ?? colors.grid;
    for (const [from, to] of unknown) {
      const left = self.valToPos(from, 'x', true);
      ctx.fillRect(left, bbox.top, Math.max(2, self.valToPos(to, 'x', true) - left), bbox.height);
    }
    for (const alarm of alarms) {
      const left = self.valToPos(alarm.from, 'x', true);
      const right = self.valToPos(alarm.to ?? window[1], 'x', true);
      ctx.globalAlpha = 0.13;
      ctx.fillStyle = alarm.priority <= 2 ? colors.down : colors.minor;
      ctx.fillRect(left, bbox.top, Math.max(2, right - left), bbox.height);
      ctx.globalAlpha = 1;
    }
    ctx.restore();
  }

  function drawOver(self: uPlot): void {
    const { ctx, bbox } = self;
    const unit = devicePixelRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const [limit, color] of limitLines(setup.limits, colors)) {
      const y = Math.round(self.valToPos(limit, 'y', true));
      ctx.strokeStyle = color;
      ctx.lineWidth = unit;
      ctx.setLineDash([6 * unit, 4 * unit]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
    }
    ctx.setLineDash([]);
    for (const alarm of alarms) {
      // The triangle stands where the condition began.
      const x = self.valToPos(alarm.from, 'x', true);
      ctx.fillStyle = alarm.priority <= 2 ? colors.down : colors.minor;
      ctx.beginPath();
      ctx.moveTo(x - 5 * unit, bbox.top);
      ctx.lineTo(x + 5 * unit, bbox.top);
      ctx.lineTo(x, bbox.top + 8 * unit);
      ctx.fill();
    }
    ctx.fillStyle = colors.bad;
    for (const time of columns.bad)
      ctx.fillRect(self.valToPos(time, 'x', true), bbox.top + bbox.height - 4 * unit, 2 * unit, 4 * unit);
    ctx.restore();
  }

  return {
    show(next, from, to, stoppedAt) {
      columns = next;
      window = [from, to];
      stopped = stoppedAt;
      plot.setData(dataOf(columns), true);
    },
    setAlarms(next) {
      alarms = next;
      plot.redraw(false);
    },
    moveCursor(index) {
      const time = columns.time[index];
      const value = columns.avg[index];
      if (time === undefined) return;
      plot.setCursor({ left: plot.valToPos(time, 'x'), top: value == null ? 0 : plot.valToPos(value, 'y') });
    },
    clearCursor() {
      for (const one of uPlot.sync(setup.syncName).plots) one.setCursor({ left: -10, top: -10 });
    },
    recolor() {
      colors = readColors();
      plot.redraw(false);
    },
    destroy() {
      sizes.disconnect();
      plot.destroy();
    },
  };
}

function dataOf(columns: TrendColumns): uPlot.AlignedData {
  return [columns.time, columns.min, columns.max, columns.avg];
}

type Colors = ReturnType<typeof readColors>;

function readColors() {
  const style = getComputedStyle(document.documentElement);
  const get = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const em = Number.parseFloat(style.fontSize);
  return {
    em,
    line: get('text'),
    band: `${get('running')}44`,
    grid: `${get('edge')}88`,
    muted: get('muted'),
    down: get('down'),
    minor: get('minor'),
    bad: get('bad'),
    font: `${Math.round(em * 0.8)}px sans-serif`,
  };
}

function limitLines(limits: Limits, colors: Colors): [number, string][] {
  const lines: [number | null, string][] = [
    [limits.limit_low_low, colors.down],
    [limits.limit_low, colors.minor],
    [limits.limit_high, colors.minor],
    [limits.limit_high_high, colors.down],
  ];
  return lines.filter((line): line is [number, string] => line[0] !== null);
}

function hatch(ctx: CanvasRenderingContext2D, color: string): CanvasPattern | null {
  const tile = document.createElement('canvas');
  const size = 8 * devicePixelRatio;
  tile.width = tile.height = size;
  const pen = tile.getContext('2d');
  if (pen === null) return null;
  pen.strokeStyle = color;
  pen.globalAlpha = 0.4;
  pen.lineWidth = devicePixelRatio;
  pen.beginPath();
  pen.moveTo(0, size);
  pen.lineTo(size, 0);
  pen.stroke();
  return ctx.createPattern(tile, 'repeat');
}

/** Between two labels, in seconds. uPlot's own jump from one minute to five, which left some ranges with one label. */
const timeSteps = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
];

function labelOf(seconds: number, step: number, zone: string): string {
  const ms = seconds * 1000;
  if (step < 60) return formatClockSeconds(ms, zone);
  const clock = formatClock(ms, zone);
  return step >= 6 * 3600 && clock === '00:00' ? formatMoment(ms, zone).replace(/, 00:00$/, '') : clock;
}
