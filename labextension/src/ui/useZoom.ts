import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { toServiceError } from '../core/client';
import { extent, type Curve } from './chartScale';
import { cut, spliced, viewOf, type Range } from './chartZoom';

/** Answers the curves of a range, by the same names, with more points than the whole shows. */
export type Finer = (range: Range) => Promise<Curve[]>;

export interface Zoom {
  /** What is asked to be seen; undefined is everything. */
  range: Range | undefined;
  /** Something else was asked to be seen before. */
  moved: boolean;
  whole: Range;
  /** What is seen: the range as far as there is data. */
  view: Range;
  /** The points in view. */
  shown: Curve[];
  /** The points in view and those beside it, which lines are drawn to and from. */
  drawn: Curve[];
  /** Finer points are on their way. */
  busy: boolean;
  /** Why there are none. */
  problem: string | undefined;
  show(range: Range | undefined): void;
}

const FOLLOW_MS = 2000;

/** The part of the curves that is looked at, in the detail that the service has of it. */
export function useZoom(curves: Curve[], finer: Finer | undefined): Zoom {
  const [{ range, moved }, setRange] = useState<{ range?: Range; moved: boolean }>({
    moved: false
  });
  const show = useCallback((next: Range | undefined) => setRange({ range: next, moved: true }), []);
  const whole = useMemo(() => {
    const [low, high] = extent(curves, 'xs') ?? [0, 0];
    return low === high ? { low: low - 0.5, high: high + 0.5 } : { low, high };
  }, [curves]);
  const { fine, busy, problem } = useFiner(curves, whole, range, finer);
  const parts = useMemo(() => {
    const view = range && viewOf(range, whole);
    if (!view) {
      return { range: undefined, view: whole, shown: curves, drawn: curves };
    }
    const merged = curves.map(curve =>
      spliced(
        curve,
        fine?.find(one => one.name === curve.name)
      )
    );
    return {
      range,
      view,
      shown: merged.map(curve => cut(curve, view)),
      drawn: merged.map(curve => cut(curve, view, 1))
    };
  }, [curves, fine, range, whole]);
  return { ...parts, moved, whole, busy, problem, show };
}

interface Answer {
  /** What was asked: the range and the names of the curves. */
  to?: { range: Range; names: string };
  fine?: Curve[];
  problem?: string;
}

/** Ask for a range when it changes and, where it is open to the right, as points come. */
function useFiner(
  curves: Curve[],
  whole: Range,
  range: Range | undefined,
  finer: Finer | undefined
): { fine?: Curve[]; busy: boolean; problem?: string } {
  const [answer, setAnswer] = useState<Answer>({});
  const latest = useRef({ finer, newest: whole.high });
  useEffect(() => {
    latest.current = { finer, newest: whole.high };
  });
  const names = JSON.stringify(curves.map(curve => curve.name));
  const able = finer !== undefined;
  useEffect(() => {
    if (!range || !able) {
      return;
    }
    let wanted = true;
    let asking = false;
    let asked: number | undefined;
    const settle = (change: Omit<Answer, 'to'>): void => {
      asking = false;
      if (wanted) {
        setAnswer(before => ({ fine: before.fine, to: { range, names }, ...change }));
      }
    };
    const ask = (): void => {
      const { finer: from, newest } = latest.current;
      if (asking || newest === asked || !from) {
        return;
      }
      asking = true;
      asked = newest;
      from(range).then(
        fine => settle({ fine }),
        (error: unknown) => settle({ problem: toServiceError(error).message })
      );
    };
    ask();
    const timer = range.high === Infinity ? setInterval(ask, FOLLOW_MS) : undefined;
    return () => {
      wanted = false;
      clearInterval(timer);
    };
  }, [range, names, able]);
  const answered = answer.to?.range === range && answer.to?.names === names;
  return {
    fine: answer.fine,
    busy: range !== undefined && able && !answered,
    problem: range && answered ? answer.problem : undefined
  };
}
