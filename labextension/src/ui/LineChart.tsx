import { useMemo, useState, type KeyboardEvent, type PointerEvent } from 'react';
import { metric } from '../core/format';
import { useWidth } from '../core/hooks';
import { ChartLegend, readings, type Reading } from './ChartLegend';
import { ChartTable } from './ChartTable';
import {
  decimate,
  extent,
  insideTicks,
  nearest,
  niceScale,
  smooth,
  type Curve,
  type Scale
} from './chartScale';

interface LineChartProps {
  title: string;
  curves: Curve[];
  height?: number;
  /** In [0, 1); the measured line stays faint behind the smoothed one. */
  smoothing?: number;
  /** The vertical axis starts at zero. */
  fromZero?: boolean;
  /** The horizontal axis is in seconds, so its ticks are round times. */
  timeAxis?: boolean;
  formatX?(x: number): string;
  formatY?(y: number): string;
}

const TOP = 8;
const BOTTOM = 20;
const RIGHT = 8;

interface Frame {
  left: number;
  width: number;
  height: number;
  x: { low: number; high: number };
  y: Scale;
  px(x: number): number;
  py(y: number): number;
}

/** A live line chart in SVG: it recolours with the theme, prints, and reads as a table. */
export function LineChart(props: LineChartProps): JSX.Element {
  const {
    title,
    curves,
    height = 168,
    smoothing = 0,
    fromZero = false,
    timeAxis = false,
    formatX = metric,
    formatY = metric
  } = props;
  const [box, width] = useWidth<HTMLDivElement>();
  const [pointer, setPointer] = useState<number>();
  const [asTable, setAsTable] = useState(false);
  const drawn = useMemo(
    () =>
      curves.map(curve => ({ raw: curve, line: { ...curve, ys: smooth(curve.ys, smoothing) } })),
    [curves, smoothing]
  );
  const frame = useMemo(
    () => layOut(curves, width, height, fromZero, formatY),
    [curves, width, height, fromZero, formatY]
  );
  const at =
    frame && pointer !== undefined
      ? readings(
          drawn.map(item => item.raw),
          pointer
        )
      : undefined;

  const follow = (event: PointerEvent<SVGSVGElement>): void => {
    if (frame) {
      const offset = event.clientX - event.currentTarget.getBoundingClientRect().left - frame.left;
      const share = Math.min(1, Math.max(0, offset / frame.width));
      setPointer(frame.x.low + share * (frame.x.high - frame.x.low));
    }
  };
  const step = (event: KeyboardEvent): void => {
    const direction = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    const xs = curves[0]?.xs;
    if (direction && xs && xs.length) {
      event.preventDefault();
      const from = pointer === undefined ? (direction > 0 ? -1 : xs.length) : nearest(xs, pointer);
      setPointer(xs[Math.min(xs.length - 1, Math.max(0, from + direction))]);
    }
  };

  return (
    <figure className="jp-ml-chart">
      <figcaption>
        <span className="jp-ml-chart-title">{title}</span>
        <ChartLegend
          curves={drawn.map(item => item.raw)}
          at={at}
          formatX={formatX}
          formatY={formatY}
        />
        <button
          type="button"
          className="jp-ml-link"
          aria-pressed={asTable}
          onClick={() => setAsTable(!asTable)}
        >
          {asTable ? 'Chart' : 'Table'}
        </button>
      </figcaption>
      <div ref={box} className="jp-ml-chart-box" style={{ height }}>
        {asTable ? (
          <ChartTable title={title} curves={curves} formatX={formatX} formatY={formatY} />
        ) : (
          frame && (
            <svg
              width={width}
              height={height}
              role="img"
              aria-label={summary(title, curves)}
              tabIndex={0}
              onPointerMove={follow}
              onPointerLeave={() => setPointer(undefined)}
              onKeyDown={step}
              onBlur={() => setPointer(undefined)}
            >
              <Axes frame={frame} timeAxis={timeAxis} formatX={formatX} formatY={formatY} />
              {smoothing > 0 &&
                drawn.map(({ raw }) => <Line key={raw.name} curve={raw} frame={frame} faint />)}
              {drawn.map(({ line }) => (
                <Line key={line.name} curve={line} frame={frame} />
              ))}
              {at && <CrossHair at={at} frame={frame} />}
            </svg>
          )
        )}
      </div>
    </figure>
  );
}

function layOut(
  curves: Curve[],
  width: number,
  height: number,
  fromZero: boolean,
  formatY: (y: number) => string
): Frame | undefined {
  const xs = extent(curves, 'xs');
  const ys = extent(curves, 'ys');
  if (!xs || !ys || width < 60) {
    return undefined;
  }
  const y = niceScale(fromZero ? Math.min(0, ys[0]) : ys[0], ys[1], height < 140 ? 2 : 4);
  const left = 10 + 6.2 * Math.max(...y.ticks.map(tick => formatY(tick).length));
  const plot = { width: width - left - RIGHT, height: height - TOP - BOTTOM };
  const [low, high] = xs[0] === xs[1] ? [xs[0] - 0.5, xs[1] + 0.5] : xs;
  return {
    left,
    ...plot,
    x: { low, high },
    y,
    px: value => left + ((value - low) / (high - low)) * plot.width,
    py: value => TOP + (1 - (value - y.low) / (y.high - y.low)) * plot.height
  };
}

function Axes({
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
      {ticks.map(tick => (
        <text
          key={tick}
          x={Math.min(frame.px(tick), frame.left + frame.width - 8)}
          y={bottom + 14}
          textAnchor="middle"
        >
          {formatX(tick)}
        </text>
      ))}
    </g>
  );
}

function Line({
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

function CrossHair({ at, frame }: { at: Reading[]; frame: Frame }): JSX.Element | null {
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

function summary(title: string, curves: Curve[]): string {
  const lines = curves.map(curve => {
    const last = curve.ys.at(-1);
    const shown = curve.ys.filter(Number.isFinite);
    const range = shown.length
      ? ` between ${metric(shown.reduce((a, b) => Math.min(a, b)))} and ${metric(shown.reduce((a, b) => Math.max(a, b)))}`
      : '';
    return `${curve.name}: ${curve.ys.length} points${range}, last ${last === undefined ? 'none' : metric(last)}`;
  });
  return `${title}. ${lines.join('; ')}. Use the arrow keys to read points.`;
}
