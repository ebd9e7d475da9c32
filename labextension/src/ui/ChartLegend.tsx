import { nearest, type Curve } from './chartScale';

export interface Reading {
  curve: Curve;
  x: number;
  y: number;
}

export function readings(curves: Curve[], pointer: number): Reading[] {
  return curves.flatMap(curve => {
    const index = nearest(curve.xs, pointer);
    const x = curve.xs[index];
    const y = curve.ys[index];
    return x === undefined || y === undefined ? [] : [{ curve, x, y }];
  });
}

/** The curves by colour and name, each with its last value or the one under the pointer. */
export function ChartLegend({
  curves,
  at,
  formatX,
  formatY
}: {
  curves: Curve[];
  at?: Reading[];
  formatX(x: number): string;
  formatY(y: number): string;
}): JSX.Element {
  const where = at?.[0];
  return (
    <span className="jp-ml-legend">
      {where && <span className="jp-ml-legend-x">{formatX(where.x)}</span>}
      {curves.map(curve => {
        const value = at ? at.find(reading => reading.curve === curve)?.y : curve.ys.at(-1);
        return (
          <span key={curve.name} className={`jp-ml-legend-item jp-ml-series-${curve.color % 8}`}>
            <i />
            {curves.length > 1 && <span className="jp-ml-legend-name">{curve.name}</span>}
            <b>{value === undefined ? '–' : formatY(value)}</b>
          </span>
        );
      })}
    </span>
  );
}
