/** Icons as paths on a 16 × 16 grid, drawn in the text's colour. Shapes differ, so that colour is never the only cue. */
export const icons = {
  running: 'M4 2.2v11.6L13.5 8z',
  down: 'M2.5 2.5h11v11h-11z',
  minor: 'M8 1.8 15 14H1z',
  idle: 'M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2zm0 2.2a3.8 3.8 0 1 0 0 7.6 3.8 3.8 0 0 0 0-7.6z',
  held: 'M8 1.8 15 14H1zM7.1 6v4h1.8V6zm0 5v1.5h1.8V11z',
  setup: 'M8 2a6 6 0 0 1 4.9 2.5L14.5 3v5h-5l1.9-1.9A3.8 3.8 0 1 0 11.6 9.5l1.9.9A6 6 0 1 1 8 2z',
  planned: 'M3.5 2.5h3.2v11H3.5zM9.3 2.5h3.2v11H9.3z',
  none: 'M3 7h10v2H3z',
  bell: 'M8 1.5c2.6 0 4.2 1.9 4.2 4.5 0 3 .6 4.3 1.6 5.2v.8H2.2v-.8c1-.9 1.6-2.2 1.6-5.2C3.8 3.4 5.4 1.5 8 1.5zM6.3 13h3.4a1.7 1.7 0 0 1-3.4 0z',
  wrench:
    'M10.4 1.6a4 4 0 0 0-3.7 5.3L1.7 12a1.6 1.6 0 0 0 2.3 2.3l5.1-5a4 4 0 0 0 5.1-4.8L11.8 7 9.7 6.3 9 4.2l2.4-2.4a4 4 0 0 0-1-.2z',
  sun: 'M8 4.8a3.2 3.2 0 1 1 0 6.4 3.2 3.2 0 0 1 0-6.4zM7.3 1h1.4v2.4H7.3zM7.3 12.6h1.4V15H7.3zM1 7.3h2.4v1.4H1zM12.6 7.3H15v1.4h-2.4zM2.6 3.6l1-1 1.7 1.7-1 1zM10.7 11.7l1-1 1.7 1.7-1 1zM11.7 5.3l-1-1 1.7-1.7 1 1zM4.3 10.7l1 1-1.7 1.7-1-1z',
  moon: 'M13.5 10.3A6 6 0 0 1 5.7 2.5a6 6 0 1 0 7.8 7.8z',
  check: 'M6.3 12.6 1.8 8.1l1.4-1.4 3.1 3.1 6.5-6.5 1.4 1.4z',
  link: 'M9 2h5v5l-1.8-1.8-4.5 4.5-1.4-1.4 4.5-4.5zM3 4h4v1.7H4.7v5.6h5.6V9H12v4H3z',
} as const;
export type IconName = keyof typeof icons;
