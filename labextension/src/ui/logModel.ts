import type { LogUpdate } from '../core/types/stream';
import { stripAnsi } from './ansi';

export interface LogState {
  /** Number of the first line held, counted from 1. */
  firstLine: number;
  lines: string[];
  /** The last line has no end yet. */
  open: boolean;
  ended: boolean;
  droppedBytes: number;
  /** Index of the first line that reports an error, or -1. */
  firstError: number;
  /** Characters in the longest line. */
  widest: number;
}

const KEPT = 200_000;

/** Append what came; a line that was unfinished goes on, a carriage return overwrites its line. */
export function foldLog(state: LogState | undefined, update: LogUpdate): LogState {
  const pieces = update.Text.split('\n');
  const open = update.Text !== '' ? pieces.at(-1) !== '' : (state?.open ?? false);
  if (pieces.at(-1) === '') {
    pieces.pop();
  }
  let lines = state ? state.lines.slice() : [];
  if (state?.open && pieces.length) {
    pieces[0] = `${lines.pop() ?? ''}${pieces[0] ?? ''}`;
  }
  const settled = lines.length;
  for (const piece of pieces) {
    lines.push(overwrite(piece));
  }
  let firstError =
    state && state.firstError >= 0 && state.firstError < settled ? state.firstError : -1;
  let widest = state?.widest ?? 0;
  for (let index = settled; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    widest = Math.max(widest, line.length);
    if (firstError < 0 && levelOf(line) === 'error') {
      firstError = index;
    }
  }
  let firstLine = state?.firstLine ?? Math.max(1, update.FirstLine);
  const surplus = lines.length - KEPT;
  if (surplus > 0) {
    firstLine += surplus;
    lines = lines.slice(surplus);
    firstError =
      firstError < surplus
        ? lines.findIndex(line => levelOf(line) === 'error')
        : firstError - surplus;
  }
  return {
    firstLine,
    lines,
    open,
    ended: update.Ended,
    droppedBytes: update.DroppedBytes,
    firstError,
    widest
  };
}

/** A progress bar redraws its line after each carriage return; only the last drawing counts. */
function overwrite(line: string): string {
  const text = line.endsWith('\r') ? line.slice(0, -1) : line;
  const at = text.lastIndexOf('\r');
  return at < 0 ? text : text.slice(at + 1);
}

const ERROR =
  /^\s*Traceback \(most recent call last\)|\b(?:ERROR|CRITICAL|FATAL)\b|^(?:\w+\.)*\w*(?:Error|Exception)\b(?::|$)|^Killed$|Segmentation fault/;
const WARNING = /\bWARN(?:ING)?\b|\w*Warning:/;

export type Level = 'error' | 'warning' | undefined;

export function levelOf(line: string): Level {
  const text = stripAnsi(line);
  return ERROR.test(text) ? 'error' : WARNING.test(text) ? 'warning' : undefined;
}

/** Indexes of the lines that contain the text, whatever its case. */
export function search(lines: string[], text: string): number[] {
  const wanted = text.toLowerCase();
  if (!wanted) {
    return [];
  }
  return lines.flatMap((line, index) =>
    stripAnsi(line).toLowerCase().includes(wanted) ? [index] : []
  );
}

/** Tops of the lines in rows: `tops[i]` rows are above line i, the last entry is the total. */
export function rowTops(lines: string[], columns: number): Uint32Array {
  const tops = new Uint32Array(lines.length + 1);
  for (let index = 0; index < lines.length; index += 1) {
    const rows = columns > 0 ? Math.ceil(stripAnsi(lines[index] ?? '').length / columns) : 1;
    tops[index + 1] = (tops[index] ?? 0) + Math.max(1, rows);
  }
  return tops;
}

/** The line that holds the given row. */
export function lineAtRow(tops: Uint32Array, row: number): number {
  let low = 0;
  let high = tops.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((tops[middle] ?? 0) <= row) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return Math.max(0, low);
}
