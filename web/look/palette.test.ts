import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

type Color = [number, number, number];
type Matrix = [Color, Color, Color];

const css = readFileSync(new URL('palette.css', import.meta.url), 'utf8');
const light = tokens(/:root \{([^}]*)\}/);
const dark = tokens(/:root\[data-theme=.dark.\] \{([^}]*)\}/);
const darkBySystem = tokens(/:root:not\(\[data-theme=.light.\]\) \{([^}]*)\}/);
const states = ['running', 'down', 'minor', 'setup', 'planned', 'bad'];

// Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
const sights: Record<string, Matrix> = {
  normal: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

test('the dark colours are the same whether chosen by hand or by the system', () => {
  expect(darkBySystem).toEqual(dark);
  expect([...dark.keys()]).toEqual([...light.keys()]);
});

describe.each([
  ['light', light, 17],
  ['dark', dark, 15],
] as const)('%s', (_name, palette, leastDistance) => {
  test.each(['panel', 'page'])('text on the %s reaches 4.5:1', (ground) => {
    const inks = ['text', 'muted', 'down', 'minor-text', 'bad', 'running'];
    expect(inks.filter((ink) => ratio(get(palette, ink), get(palette, ground)) < 4.5)).toEqual([]);
  });

  test('text on filled marks reaches 4.5:1', () => {
    expect(ratio(get(palette, 'on-down'), get(palette, 'down'))).toBeGreaterThanOrEqual(4.5);
    expect(ratio(get(palette, 'on-fill'), get(palette, 'fill'))).toBeGreaterThanOrEqual(4.5);
    expect(ratio(get(palette, 'text'), get(palette, 'sunk'))).toBeGreaterThanOrEqual(4.5);
  });

  test('every mark and the focus ring reach 3:1 on the panel', () => {
    const marks = [...states, 'focus'];
    expect(marks.filter((mark) => ratio(get(palette, mark), get(palette, 'panel')) < 3)).toEqual([]);
  });

  test.each(Object.keys(sights))('states stay apart for %s', (sight) => {
    const pairs = states.flatMap((one, at) => states.slice(at + 1).map((other) => [one, other] as const));
    const distances = pairs.map(([one, other]) => ({
      pair: `${one} and ${other}`,
      distance: distanceFor(sight, get(palette, one), get(palette, other)),
    }));
    expect(distances.filter(({ distance }) => distance < leastDistance)).toEqual([]);
    expect(distances).toHaveLength(15);
  });
});

test('the distance check catches the ordinary green and red', () => {
  const [green, red] = ['#2e7d32', '#c62828'];
  expect(distanceFor('normal', green, red)).toBeGreaterThan(90);
  expect(distanceFor('deuteranopia', green, red)).toBeLessThan(20);
});

function tokens(block: RegExp): Map<string, string> {
  const body = block.exec(css)?.[1];
  if (body === undefined) throw new Error(`palette.css has no block ${block.source}`);
  return new Map(
    [...body.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name ?? '', value ?? '']),
  );
}

function get(palette: Map<string, string>, name: string): string {
  const value = palette.get(name);
  if (value === undefined) throw new Error(`palette.css has no --${name}`);
  return value;
}

function linear(hex: string): Color {
  return [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as Color;
}

/** WCAG 2.2 contrast ratio. */
function ratio(one: string, other: string): number {
  const [low = 0, high = 0] = [one, other]
    .map((hex) => linear(hex))
    .map(([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b)
    .sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

/** CIE76 distance of two colours as someone with that sight sees them. */
function distanceFor(sight: string, one: string, other: string): number {
  const seen = [one, other].map((hex) => lab(through(sights[sight] as Matrix, linear(hex)))) as [Color, Color];
  return Math.hypot(...seen[0].map((value, at) => value - (seen[1][at] ?? 0)));
}

function through(matrix: Matrix, color: Color): Color {
  return matrix.map((row) => Math.min(1, Math.max(0, dot(row, color)))) as Color;
}

function dot(a: Color, b: Color): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

function lab(color: Color): Color {
  const f = (t: number): number => (t > 216 / 24389 ? Math.cbrt(t) : ((24389 / 27) * t + 16) / 116);
  const x = f(dot([0.4124564, 0.3575761, 0.1804375], color) / 0.95047);
  const y = f(dot([0.2126729, 0.7151522, 0.072175], color));
  const z = f(dot([0.0193339, 0.119192, 0.9503041], color) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}
