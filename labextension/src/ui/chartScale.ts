import { metric } from '../core/format';

export interface Curve {
  name: string;
  xs: number[];
  ys: number[];
  /** Index of its colour in the palette. */
  color: number;
}

export interface Scale {
  low: number;
  high: number;
  ticks: number[];
}

/** Round tick values that cover [low, high], about `wanted` of them. */
export function niceScale(low: number, high: number, wanted: number): Scale {
  if (!(high > low)) {
    const margin = low === 0 ? 1 : Math.abs(low) * 0.1;
    return niceScale(low - margin, low + margin, wanted);
  }
  const rough = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find(factor => factor * power >= rough * 0.999) ?? 10) * power;
  const first = Math.floor(low / step + 1e-9) * step;
  const last = Math.ceil(high / step - 1e-9) * step;
  const ticks: number[] = [];
  for (let index = 0; first + index * step <= last + step / 2; index += 1) {
    ticks.push(Number((first + index * step).toPrecision(12)));
  }
  return { low: first, high: last, ticks };
}

const SECONDS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400
];

/** Ticks inside [low, high] only: a horizontal axis ends where the data ends. */
export function insideTicks(low: number, high: number, wanted: number, seconds: boolean): number[] {
  const step = seconds ? SECONDS.find(one => (high - low) / one <= wanted) : undefined;
  if (step !== undefined && high - low >= wanted) {
    const first = Math.ceil(low / step) * step;
    return Array.from(
      { length: Math.floor((high - first) / step) + 1 },
      (_, index) => first + index * step
    );
  }
  return niceScale(low, high, wanted).ticks.filter(
    tick => tick >= low - 1e-9 && tick <= high + 1e-9
  );
}

/** What the ticks say; where zooming has made them say the same, how far they are from the first. */
export function tickLabels(
  ticks: number[],
  seconds: boolean,
  format: (tick: number) => string
): string[] {
  const labels = ticks.map(format);
  const first = ticks[0] ?? 0;
  return new Set(labels).size === labels.length
    ? labels
    : ticks.map((tick, index) =>
        index === 0 ? format(tick) : `+${metric(tick - first)}${seconds ? ' s' : ''}`
      );
}

export function extent(curves: Curve[], axis: 'xs' | 'ys'): [number, number] | undefined {
  let low = Infinity;
  let high = -Infinity;
  for (const curve of curves) {
    for (const value of curve[axis]) {
      if (Number.isFinite(value)) {
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
    }
  }
  return low <= high ? [low, high] : undefined;
}

/**
 * At most four points per pixel column (first, lowest, highest, last), so that a long run draws as fast
 * as a short one and no spike is lost.
 */
export function decimate(curve: Curve, columns: number): Curve {
  if (curve.xs.length <= columns * 4) {
    return curve;
  }
  const kept = decimated(curve.ys, columns);
  return { ...curve, xs: taken(curve.xs, kept), ys: taken(curve.ys, kept) };
}

/** The indices of what `decimate` keeps, ascending. */
export function decimated(ys: number[], columns: number): number[] {
  const bucket = ys.length / columns;
  return Array.from({ length: columns }, (_, column) =>
    landmarks(ys, Math.floor(column * bucket), Math.floor((column + 1) * bucket))
  ).flat();
}

export function taken(values: number[], indices: number[]): number[] {
  return indices.map(index => values[index] ?? NaN);
}

function landmarks(ys: number[], from: number, to: number): number[] {
  let low = -1;
  let high = -1;
  for (let index = from; index < to; index += 1) {
    const value = ys[index] ?? NaN;
    if (!Number.isNaN(value)) {
      low = low < 0 || value < (ys[low] ?? NaN) ? index : low;
      high = high < 0 || value > (ys[high] ?? NaN) ? index : high;
    }
  }
  const known = [from, low, high, to - 1].filter(index => index >= from);
  return [...new Set(known)].sort((a, b) => a - b);
}

/** Exponential moving average without the bias towards the first value; `weight` in [0, 1). */
export function smooth(ys: number[], weight: number): number[] {
  if (weight <= 0) {
    return ys;
  }
  let average = 0;
  let seen = 0;
  return ys.map(value => {
    if (!Number.isFinite(value)) {
      return value;
    }
    average = average * weight + (1 - weight) * value;
    seen += 1;
    return average / (1 - weight ** seen);
  });
}

/** Index of the value nearest to x in ascending xs, or -1. */
export function nearest(xs: number[], x: number): number {
  let low = 0;
  let high = xs.length - 1;
  if (high < 0) {
    return -1;
  }
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((xs[middle] ?? Infinity) < x) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const before = xs[low - 1];
  return before !== undefined && x - before < (xs[low] ?? Infinity) - x ? low - 1 : low;
}

/** Points in the order of their axis, which the order of logging need not be. */
export function ascending(xs: number[], ys: number[]): { xs: number[]; ys: number[] } {
  if (xs.every((x, index) => index === 0 || x >= (xs[index - 1] ?? -Infinity))) {
    return { xs, ys };
  }
  const order = xs.map((_, index) => index).sort((a, b) => (xs[a] ?? 0) - (xs[b] ?? 0));
  return { xs: taken(xs, order), ys: taken(ys, order) };
}
