import type { Curve } from './chartScale';

/** A stretch of the horizontal axis; an infinite end goes on with the data. */
export interface Range {
  low: number;
  high: number;
}

/** Zooming ends at this share of the whole, long before numbers run out of digits. */
const LEAST = 1e-6;

/** The stretch of the data that a range shows, or undefined where it shows none. */
export function viewOf(range: Range | undefined, whole: Range): Range | undefined {
  const view = {
    low: Math.max(range?.low ?? -Infinity, whole.low),
    high: Math.min(range?.high ?? Infinity, whole.high)
  };
  return view.low < view.high ? view : undefined;
}

/** The range between two places in either order; undefined where that is everything. */
export function between(one: number, other: number, whole: Range): Range | undefined {
  const [low, high] = [Math.min(one, other), Math.max(one, other)];
  const slack = (high - low) * 1e-9;
  const opened = {
    low: low <= whole.low + slack ? -Infinity : low,
    high: high >= whole.high - slack ? Infinity : high
  };
  return opened.low === -Infinity && opened.high === Infinity ? undefined : opened;
}

/** The range that shows `factor` times as much as the view; `around` stays where it is. */
export function scaled(
  view: Range,
  whole: Range,
  factor: number,
  around: number = (view.low + view.high) / 2
): Range | undefined {
  const fixed = Math.min(view.high, Math.max(view.low, around));
  const before = view.high - view.low;
  const span = Math.max(before * factor, (whole.high - whole.low) * LEAST);
  const low = fixed - ((fixed - view.low) / before) * span;
  return between(low, low + span, whole);
}

/** The range that lies beside the view, by a share of its length and not past the data. */
export function panned(view: Range, whole: Range, share: number): Range | undefined {
  const wanted = (view.high - view.low) * share;
  const shift = Math.min(whole.high - view.high, Math.max(whole.low - view.low, wanted));
  return between(view.low + shift, view.high + shift, whole);
}

/** The points inside the range, and as many beside it on either side. */
export function cut(curve: Curve, range: Range, beside = 0): Curve {
  const from = Math.max(0, place(curve.xs, x => x >= range.low) - beside);
  const to = place(curve.xs, x => x > range.high) + beside;
  return { ...curve, xs: curve.xs.slice(from, to), ys: curve.ys.slice(from, to) };
}

/** The curve with its finer points where there are some, its own before and after them. */
export function spliced(curve: Curve, finer: Curve | undefined): Curve {
  const [first, last] = [finer?.xs[0], finer?.xs.at(-1)];
  if (!finer || first === undefined || last === undefined) {
    return curve;
  }
  const head = place(curve.xs, x => x >= first);
  const tail = place(curve.xs, x => x > last);
  return {
    ...curve,
    xs: curve.xs.slice(0, head).concat(finer.xs, curve.xs.slice(tail)),
    ys: curve.ys.slice(0, head).concat(finer.ys, curve.ys.slice(tail))
  };
}

/** Index of the first of the ascending xs that is far enough, their number where none is. */
function place(xs: number[], isFarEnough: (x: number) => boolean): number {
  let [low, high] = [0, xs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isFarEnough(xs[middle] ?? Infinity)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}
