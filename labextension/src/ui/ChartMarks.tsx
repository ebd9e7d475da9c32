import { useMemo } from 'react';
import type { Reading } from './ChartLegend';
import {
  decimate,
  extent,
  insideTicks,
  niceScale,
  tickLabels,
  type Curve,
  type Scale
} from './chartScale';
import type { Range } from './chartZoom';
import type { Zoom } from './useZoom';

const TOP = 8;
const BOTTOM = 20;
const RIGHT = 8;

export interface Frame {
  left: number;
  top: number;
  width: number;
  height: number;
  x: Range;
  y: Scale;
  px(x: number): number;
  py(y: number): number;
}

/** The frame of a view, as high as the points in it or, where it has none, as those beside it. */
export function layOut(
  { shown, drawn, view }: Pick<Zoom, 'shown' | 'drawn' | 'view'>,
  width: number,
  height: number,
  fromZero: boolean,
  formatY: (y: number) => string
): Frame | undefined {
  const ys = extent(shown, 'ys') ?? extent(drawn, 'ys');
  if (!ys || width < 60) {
    return undefined;
  }
  const y = niceScale(fromZero ? Math.min(0, ys[0]) : ys[0], ys[1], height < 140 ? 2 : 4);
  const left = 10 + 6.2 * Math.max(...y.ticks.map(tick => formatY(tick).length));
  const plot = { width: width - left - RIGHT, height: height - TOP - BOTTOM };
  const { low, high } = view;
  return {
    left,
    top: TOP,
    ...plot,
    x: view,
    y,
    px: value => left + ((value - low) / (high - low)) * plot.width,
    py: value => TOP + (1 - (value - y.low) / (y.high - y.low)) * plot.height
  };
}

export function Axes({
  frame,
  timeAxis,
  formatX,
  formatY
}: {
  frame: Frame;
  timeAxis: boolean;
  formatX(x: number): string;
  formatY(y: number): string;
}): JSX.Element {
  const bottom = TOP + frame.height;
  const ticks = insideTicks(
    frame.x.low,
    frame.x.high,
    Math.max(2, Math.floor(frame.width / 84)),
    timeAxis
  );
  const labels = tickLabels(ticks, timeAxis, formatX);
  return (
    <g className="jp-ml-axes">
      {frame.y.ticks.map(tick => (
        <g key={tick}>
          <line
            x1={frame.left}
            x2={frame.left + frame.width}
            y1={frame.py(tick)}
            y2={frame.py(tick)}
          />
          <text x={frame.left - 6} y={frame.py(tick)} dy="0.32em" textAnchor="end">
            {formatY(tick)}
          </text>
        </g>
      ))}
      {ticks.map((tick, index) => (
        <text
          key={tick}
          x={Math.min(frame.px(tick), frame.left + frame.width - 8)}
          y={bottom + 14}
          textAnchor="middle"
        >
          {labels[index]}
        </text>
      ))}
    </g>
  );
}

export function Line({
  curve,
  frame,
  faint = false
}: {
  curve: Curve;
  frame: Frame;
  faint?: boolean;
}): JSX.Element {
  const { path, single } = useMemo(() => {
    const thin = decimate(curve, Math.max(1, Math.floor(frame.width)));
    let text = '';
    let open = false;
    thin.xs.forEach((x, index) => {
      const y = thin.ys[index] ?? NaN;
      if (Number.isFinite(y)) {
        text += `${open ? 'L' : 'M'}${frame.px(x).toFixed(1)} ${frame.py(y).toFixed(1)}`;
      }
      open = Number.isFinite(y);
    });
    return { path: text, single: thin.xs.length === 1 };
  }, [curve, frame]);
  const className = `jp-ml-line jp-ml-series-${curve.color % 8}`;
  const [x, y] = [curve.xs[0], curve.ys[0]];
  if (single && x !== undefined && y !== undefined) {
    return <circle className={`${className} jp-ml-dot`} cx={frame.px(x)} cy={frame.py(y)} r="3" />;
  }
  return <path className={className} d={path} data-faint={faint || undefined} />;
}

export function CrossHair({ at, frame }: { at: Reading[]; frame: Frame }): JSX.Element | null {
  const x = at[0]?.x;
  if (x === undefined) {
    return null;
  }
  return (
    <g className="jp-ml-crosshair">
      <line x1={frame.px(x)} x2={frame.px(x)} y1={TOP} y2={TOP + frame.height} />
      {at
        .filter(reading => Number.isFinite(reading.y))
        .map(({ curve, x: cx, y }) => (
          <circle
            key={curve.name}
            className={`jp-ml-series-${curve.color % 8}`}
            cx={frame.px(cx)}
            cy={frame.py(y)}
            r="3.5"
          />
        ))}
    </g>
  );
}

/** What a drag has selected so far. */
export function Band({ band, frame }: { band: Range; frame: Frame }): JSX.Element {
  const [left, right] = [frame.px(band.low), frame.px(band.high)];
  return (
    <rect
      className="jp-ml-chart-band"
      x={left}
      y={frame.top}
      width={right - left}
      height={frame.height}
    />
  );
}
