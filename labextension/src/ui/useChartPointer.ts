import { useState, type KeyboardEvent, type PointerEvent } from 'react';
import { nearest } from './chartScale';
import { between, panned, scaled, type Range } from './chartZoom';
import type { Frame } from './ChartMarks';
import type { Zoom } from './useZoom';

/** A shorter drag is a click; an end this near to the edge is the edge. */
const SLACK_PX = 4;

export interface ChartPointer {
  /** Where on the horizontal axis points are read. */
  at: number | undefined;
  /** The selection while it is dragged. */
  band: Range | undefined;
  handlers: {
    onPointerDown(event: PointerEvent<SVGSVGElement>): void;
    onPointerMove(event: PointerEvent<SVGSVGElement>): void;
    onPointerUp(): void;
    onPointerCancel(): void;
    onPointerLeave(): void;
    onDoubleClick(): void;
    onKeyDown(event: KeyboardEvent): void;
    onBlur(): void;
  };
}

/** Reading and zooming a chart by pointer and by keyboard. */
export function useChartPointer(frame: Frame | undefined, zoom: Zoom): ChartPointer {
  const [at, setAt] = useState<number>();
  const [drag, setDrag] = useState<{ from: number; to: number }>();
  const isLong =
    frame && drag && Math.abs(frame.px(drag.to) - frame.px(drag.from)) >= SLACK_PX
      ? drag
      : undefined;

  const step = (direction: number): void => {
    const xs = zoom.shown[0]?.xs ?? [];
    const from = at === undefined ? (direction > 0 ? -1 : xs.length) : nearest(xs, at);
    setAt(xs[Math.min(xs.length - 1, Math.max(0, from + direction))]);
  };
  const press = (event: KeyboardEvent): boolean => {
    const { view, whole } = zoom;
    if (event.ctrlKey || event.metaKey || event.altKey) {
      return false;
    }
    switch (event.key) {
      case 'ArrowLeft':
      case 'ArrowRight': {
        const direction = event.key === 'ArrowRight' ? 1 : -1;
        if (!event.shiftKey) {
          step(direction);
        } else if (zoom.range) {
          zoom.show(panned(view, whole, direction / 4));
        }
        return true;
      }
      case '+':
      case '=':
        zoom.show(scaled(view, whole, 0.5, at));
        return true;
      case '-':
      case '_':
        zoom.show(scaled(view, whole, 2, at));
        return true;
      case 'Escape':
        if (drag) {
          setDrag(undefined);
        } else if (zoom.range) {
          zoom.show(undefined);
        } else {
          return false;
        }
        return true;
      default:
        return false;
    }
  };
  return {
    at,
    band: isLong && {
      low: Math.min(isLong.from, isLong.to),
      high: Math.max(isLong.from, isLong.to)
    },
    handlers: {
      onPointerDown: event => {
        if (frame && event.button === 0 && event.isPrimary) {
          // The drag goes on outside of the chart, and another one beside it does not take it over.
          event.currentTarget.setPointerCapture(event.pointerId);
          const x = placeOf(event, frame);
          setDrag({ from: x, to: x });
        }
      },
      onPointerMove: event => {
        if (frame) {
          const x = placeOf(event, frame);
          setAt(x);
          setDrag(held => held && { ...held, to: x });
        }
      },
      onPointerUp: () => {
        if (isLong) {
          zoom.show(between(isLong.from, isLong.to, zoom.whole));
          setAt(undefined);
        }
        setDrag(undefined);
      },
      onPointerCancel: () => setDrag(undefined),
      onPointerLeave: () => setAt(undefined),
      onDoubleClick: () => zoom.show(undefined),
      onKeyDown: event => {
        if (press(event)) {
          event.preventDefault();
        }
      },
      onBlur: () => setAt(undefined)
    }
  };
}

/** Where on the horizontal axis the pointer is. */
function placeOf(event: PointerEvent<SVGSVGElement>, frame: Frame): number {
  const offset = event.clientX - event.currentTarget.getBoundingClientRect().left - frame.left;
  const { low, high } = frame.x;
  if (offset <= SLACK_PX || offset >= frame.width - SLACK_PX) {
    return offset <= SLACK_PX ? low : high;
  }
  return low + (offset / frame.width) * (high - low);
}
