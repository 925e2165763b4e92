import type { Curve } from './result.ts';

const width = 560;
const height = 300;
const margin = { left: 70, right: 150, top: 34, bottom: 46 };
const colours = { timescale: '#1f6feb', embedded: '#bf5b04' } as const;

/** One curve of each engine on logarithmic axes, where a cost that grows as x^b is a straight line of slope b. */
export function plotGrowth(curves: readonly { engine: 'timescale' | 'embedded'; curve: Curve }[]): string {
  const [first] = curves;
  if (first === undefined) return '';
  const points = curves.flatMap(({ curve }) => curve.points);
  const across = scale(
    points.map(({ x }) => x),
    margin.left,
    width - margin.right,
  );
  const up = scale(
    points.map(({ y }) => y),
    height - margin.bottom,
    margin.top,
  );
  const text = (x: number, y: number, words: string, anchor = 'middle', more = ''): string =>
    `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}"${more}>${escape(words)}</text>`;
  const grid = [
    ...across.ticks.map(
      (value) =>
        `<line x1="${across.at(value).toFixed(1)}" y1="${margin.top}" x2="${across.at(value).toFixed(1)}" y2="${height - margin.bottom}" stroke="#ddd"/>${text(across.at(value), height - margin.bottom + 15, short(value))}`,
    ),
    ...up.ticks.map(
      (value) =>
        `<line x1="${margin.left}" y1="${up.at(value).toFixed(1)}" x2="${width - margin.right}" y2="${up.at(value).toFixed(1)}" stroke="#ddd"/>${text(margin.left - 6, up.at(value) + 4, short(value), 'end')}`,
    ),
  ];
  const lines = curves.map(({ engine, curve }, index) => {
    const colour = colours[engine];
    const places = curve.points.map(({ x, y }) => `${across.at(x).toFixed(1)},${up.at(y).toFixed(1)}`);
    const label = `${engine}: x^${curve.exponent.toFixed(2)}`;
    return [
      `<polyline points="${places.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...places.map(
        (place) => `<circle cx="${place.split(',')[0]}" cy="${place.split(',')[1]}" r="3.5" fill="${colour}"/>`,
      ),
      text(width - margin.right + 10, margin.top + 16 + index * 18, label, 'start', ` fill="${colour}"`),
    ].join('');
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="11" role="img">`,
    `<title>${escape(first.curve.what)}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text(margin.left, 18, first.curve.what, 'start', ' font-size="13" font-weight="bold"'),
    ...grid,
    ...lines,
    text((margin.left + width - margin.right) / 2, height - 10, first.curve.x),
    text(
      14,
      (margin.top + height - margin.bottom) / 2,
      first.curve.y,
      'middle',
      ` transform="rotate(-90 14 ${(margin.top + height - margin.bottom) / 2})"`,
    ),
    '</svg>',
    '',
  ].join('\n');
}

interface Scale {
  at(value: number): number;
  ticks: number[];
}

/** Logarithmic, from the power of ten (or 2 or 5 times one) below the smallest value to the one above the largest. */
function scale(values: readonly number[], from: number, to: number): Scale {
  const positive = values.filter((value) => value > 0);
  const least = Math.min(...positive);
  const most = Math.max(...positive);
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power++)
    for (const digit of [1, 2, 5]) ticks.push(digit * 10 ** power);
  const low = Math.max(...ticks.filter((tick) => tick <= least * 1.0001));
  const high = Math.min(...ticks.filter((tick) => tick >= most * 0.9999 && tick > low));
  const shown = ticks.filter((tick) => tick >= low && tick <= high);
  return {
    at: (value) =>
      from + ((Math.log(Math.max(value, low)) - Math.log(low)) / (Math.log(high) - Math.log(low))) * (to - from),
    // Of many, only powers of ten are named.
    ticks: shown.length > 8 ? shown.filter((tick) => Number.isInteger(Number(Math.log10(tick).toFixed(6)))) : shown,
  };
}

const short = (value: number): string =>
  value >= 1e6 ? `${value / 1e6} M` : value >= 1000 ? `${value / 1000} k` : String(Number(value.toPrecision(3)));

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
