import { metric } from '../core/format';

const WIDTH = 64;
const HEIGHT = 20;
const INSET = 2;

/** The shape of a series, without axes; its first, last and extreme values are its text. */
export function Sparkline({
  values,
  label,
  bars = false
}: {
  values: number[];
  label: string;
  bars?: boolean;
}): JSX.Element | null {
  const shown = values.filter(Number.isFinite);
  const last = shown.at(-1);
  if (last === undefined) {
    return null;
  }
  const low = bars ? 0 : Math.min(...shown);
  const high = Math.max(...shown);
  const y = (value: number): number =>
    high === low
      ? bars
        ? HEIGHT - 1
        : HEIGHT / 2
      : INSET + (1 - (value - low) / (high - low)) * (HEIGHT - 2 * INSET);
  const x = (index: number): number =>
    INSET + (shown.length < 2 ? 1 : index / (shown.length - 1)) * (WIDTH - 2 * INSET);
  const text = `${label}: last ${metric(last)}, lowest ${metric(Math.min(...shown))}, highest ${metric(high)}`;
  return (
    <svg
      className="jp-ml-sparkline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      width={WIDTH}
      height={HEIGHT}
      role="img"
      aria-label={text}
    >
      {bars ? (
        shown.map((value, index) => {
          const step = WIDTH / shown.length;
          const top = Math.min(y(value), HEIGHT - 1);
          return (
            <rect
              key={index}
              x={index * step}
              y={top}
              width={Math.max(1, step - 1)}
              height={HEIGHT - top}
            />
          );
        })
      ) : (
        <>
          <polyline
            points={shown
              .map((value, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`)
              .join(' ')}
          />
          <circle cx={x(shown.length - 1)} cy={y(last)} r="2" />
        </>
      )}
    </svg>
  );
}
