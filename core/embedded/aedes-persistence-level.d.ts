declare module 'aedes-persistence-level' {
  import type { Level } from 'level';
  /** The package ships no types; what it returns is passed to aedes as it is. */
  export default function persistence(store: Level<string, Buffer>): object;
}
