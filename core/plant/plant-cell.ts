import { numberColumns } from './plant-table.ts';

const dayNames = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

/**
 * The text of a cell as the plant document wants it. What cannot be read stays text, so that the document's own check
 * names it together with everything else that is wrong.
 */
export function readCell(column: string, cell: string, decimalComma: boolean): unknown {
  if (numberColumns.has(column)) return readNumber(cell, decimalComma);
  switch (column) {
    case 'constraint':
      return readBoolean(cell);
    case 'weekdays':
      return readWeekdays(cell);
    case 'start':
    case 'end':
      return readClockTime(cell);
    case 'breaks':
      return readBreaks(cell);
    default:
      return cell;
  }
}

function readNumber(cell: string, decimalComma: boolean): unknown {
  const text = decimalComma && /^[+-]?\d*,\d+$/.test(cell) ? cell.replace(',', '.') : cell;
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : cell;
}

function readBoolean(cell: string): unknown {
  if (['true', 'yes', '1', 'x', 'wahr'].includes(cell.toLowerCase())) return true;
  if (['false', 'no', '0', 'falsch'].includes(cell.toLowerCase())) return false;
  return cell;
}

/** `mon-fri`, `sat sun`, `1 2 3`. Names are preferred: a spreadsheet turns `1-5` into the first of May. */
function readWeekdays(cell: string): unknown {
  const days: number[] = [];
  for (const part of cell
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((each) => each !== '')) {
    const [from, to] = part.split('-').map(readDay);
    if (from === undefined || Number.isNaN(from) || Number.isNaN(to ?? from)) return cell;
    for (let day = from, count = 0; count < 7; day = (day % 7) + 1, count++) {
      days.push(day);
      if (day === (to ?? from)) break;
    }
  }
  return days.toSorted((one, two) => one - two);
}

function readDay(name: string): number {
  const index = dayNames.findIndex((day) => name.startsWith(day) && name.length >= 3);
  return index >= 0 ? index + 1 : /^[1-7]$/.test(name) ? Number(name) : Number.NaN;
}

/** Spreadsheets drop the leading zero and add seconds: `6:00` and `06:00:00` mean `06:00`. */
function readClockTime(cell: string): string {
  const match = /^(\d{1,2}):(\d\d)(:00)?$/.exec(cell);
  return match === null ? cell : `${match[1]?.padStart(2, '0')}:${match[2]}`;
}

/** `09:00-09:15 12:00-12:30` */
function readBreaks(cell: string): unknown {
  return cell
    .split(/[\s,]+/)
    .filter((part) => part !== '')
    .map((part) => {
      const [start, end] = part.split(/[-–]/);
      return { start: readClockTime(start ?? ''), end: readClockTime(end ?? '') };
    });
}

/** Weekdays as an export writes them; nothing for all seven, the default. */
export function writeWeekdays(days: readonly number[]): string {
  return days.length === 7 ? '' : days.map((day) => dayNames[day - 1]).join(' ');
}
