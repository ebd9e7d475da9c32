import type { ComparedMetric, ComparedRow, Comparison } from '../../core/types/experiments';
import type { Curve } from '../../ui';
import { ascending } from '../../ui/chartScale';

export interface MetricCell {
  value: number | null;
  /** Against the baseline; undefined for the baseline itself and where either is missing. */
  delta?: number;
  best: boolean;
}

export function metricCells(metric: ComparedMetric, baseline: number): MetricCell[] {
  const from = metric.Values[baseline];
  return metric.Values.map((value, index) => ({
    value,
    delta:
      index === baseline || value === null || from === null || from === undefined
        ? undefined
        : value - from,
    best: metric.BestIndex === index
  }));
}

export function visibleRows(rows: ComparedRow[], onlyDifferences: boolean): ComparedRow[] {
  return onlyDifferences ? rows.filter(row => row.Differs) : rows;
}

/** Number of rows that are the same in every run, over all sections that can hide them. */
export function hiddenCount(comparison: Comparison): number {
  return [comparison.Parameters, comparison.Inputs, comparison.Environment]
    .flat()
    .filter(row => !row.Differs).length;
}

export function overlay(
  series: Comparison['Series'][number],
  runs: string[],
  hidden: ReadonlySet<string>
): Curve[] {
  return series.Curves.filter(curve => !hidden.has(curve.Run)).map(curve =>
    curveOf(curve.Run, runs, curve.Steps, curve.Values)
  );
}

/** The curve of one run, in its colour. */
export function curveOf(run: string, runs: string[], steps: number[], values: number[]): Curve {
  return { name: run, color: Math.max(0, runs.indexOf(run)), ...ascending(steps, values) };
}

export interface DiffLine {
  kind: 'same' | 'added' | 'removed' | 'hunk';
  text: string;
  before?: number;
  after?: number;
}

/** The lines of a unified diff with their numbers on both sides. */
export function parseUnified(unified: string): DiffLine[] {
  let before = 0;
  let after = 0;
  const lines: DiffLine[] = [];
  for (const line of unified.replace(/\n$/, '').split('\n')) {
    const hunk = /^@@ -(\d+)(?:,\d+)? \+(\d+)/.exec(line);
    if (hunk) {
      before = Number(hunk[1]);
      after = Number(hunk[2]);
      lines.push({ kind: 'hunk', text: line });
    } else if (line.startsWith('+++') || line.startsWith('---') || line.startsWith('\\')) {
      continue;
    } else if (line.startsWith('+')) {
      lines.push({ kind: 'added', text: line.slice(1), after: after++ });
    } else if (line.startsWith('-')) {
      lines.push({ kind: 'removed', text: line.slice(1), before: before++ });
    } else if (lines.length > 0) {
      lines.push({ kind: 'same', text: line.slice(1), before: before++, after: after++ });
    }
  }
  return lines;
}

export function shortHash(value: string | null): string {
  return value === null ? '–' : /^[0-9a-f]{40,64}$/.test(value) ? value.slice(0, 10) : value;
}
