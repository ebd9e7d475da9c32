import { useId, useMemo, useRef, useState } from 'react';
import { metric } from '../core/format';
import { useWidth } from '../core/hooks';
import { ChartLegend, readings } from './ChartLegend';
import { Axes, Band, CrossHair, layOut, Line } from './ChartMarks';
import { smooth, type Curve } from './chartScale';
import { ChartTable } from './ChartTable';
import { Announcer } from './Fields';
import type { Range } from './chartZoom';
import { useChartPointer } from './useChartPointer';
import { useZoom, type Finer } from './useZoom';

interface LineChartProps {
  title: string;
  curves: Curve[];
  /** Asked for a range when somebody zooms into it; without it, the curves are all there is. */
  finer?: Finer;
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

/** A live line chart in SVG: it recolours with the theme, zooms, prints, and reads as a table. */
export function LineChart(props: LineChartProps): JSX.Element {
  const {
    title,
    curves,
    finer,
    height = 168,
    smoothing = 0,
    fromZero = false,
    timeAxis = false,
    formatX = metric,
    formatY = metric
  } = props;
  const [box, width] = useWidth<HTMLDivElement>();
  const plot = useRef<SVGSVGElement>(null);
  const clip = useId();
  const [asTable, setAsTable] = useState(false);
  const zoom = useZoom(curves, finer);
  const { shown, drawn, range, view } = zoom;
  const lines = useMemo(
    () => drawn.map(curve => ({ ...curve, ys: smooth(curve.ys, smoothing) })),
    [drawn, smoothing]
  );
  const frame = useMemo(
    () => layOut({ shown, drawn, view }, width, height, fromZero, formatY),
    [shown, drawn, view, width, height, fromZero, formatY]
  );
  const label = useMemo(() => summary(title, shown), [title, shown]);
  const pointer = useChartPointer(frame, zoom);
  const at = frame && pointer.at !== undefined ? readings(shown, pointer.at) : undefined;
  const reset = (): void => {
    zoom.show(undefined);
    plot.current?.focus();
  };

  return (
    <figure className="jp-ml-chart" aria-busy={zoom.busy}>
      <figcaption>
        <span className="jp-ml-chart-title">{title}</span>
        <ChartLegend curves={shown} at={at} formatX={formatX} formatY={formatY} />
        {range && (
          <button type="button" className="jp-ml-link jp-ml-chart-reset" onClick={reset}>
            Reset zoom
          </button>
        )}
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
          <ChartTable title={title} curves={shown} formatX={formatX} formatY={formatY} />
        ) : (
          frame && (
            <svg
              ref={plot}
              width={width}
              height={height}
              role="img"
              aria-label={label}
              tabIndex={0}
              {...pointer.handlers}
            >
              <clipPath id={clip}>
                <rect x={frame.left} y="0" width={frame.width} height={height} />
              </clipPath>
              <Axes frame={frame} timeAxis={timeAxis} formatX={formatX} formatY={formatY} />
              <g clipPath={range && `url(#${clip})`}>
                {smoothing > 0 &&
                  drawn.map(curve => <Line key={curve.name} curve={curve} frame={frame} faint />)}
                {lines.map(curve => (
                  <Line key={curve.name} curve={curve} frame={frame} />
                ))}
              </g>
              {at && !pointer.band && <CrossHair at={at} frame={frame} />}
              {pointer.band && <Band band={pointer.band} frame={frame} />}
            </svg>
          )
        )}
      </div>
      {zoom.problem && <p className="jp-ml-hint">Finer points could not be read: {zoom.problem}</p>}
      <Announcer message={zoom.moved ? spoken(title, range, formatX) : ''} />
    </figure>
  );
}

function spoken(title: string, range: Range | undefined, formatX: (x: number) => string): string {
  if (!range) {
    return `${title}: all points`;
  }
  const from = range.low === -Infinity ? 'the first point' : formatX(range.low);
  const to = range.high === Infinity ? 'the newest point' : formatX(range.high);
  return `${title}: from ${from} to ${to}`;
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
  return `${title}. ${lines.join('; ')}. Use the arrow keys to read points, plus and minus to zoom.`;
}
