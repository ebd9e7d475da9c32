import type { Curve } from './chartScale';

const SHOWN = 200;

interface ChartTableProps {
  title: string;
  curves: Curve[];
  formatX(x: number): string;
  formatY(y: number): string;
}

/** The last points of a chart as numbers. */
export function ChartTable({ title, curves, formatX, formatY }: ChartTableProps): JSX.Element {
  const values = curves.map(curve => new Map(curve.xs.map((x, index) => [x, curve.ys[index]])));
  const xs = [...new Set(curves.flatMap(curve => curve.xs))].sort((a, b) => b - a).slice(0, SHOWN);
  return (
    <div className="jp-ml-chart-table" tabIndex={0}>
      <table className="jp-ml-table">
        <caption className="jp-ml-visually-hidden">{title}, newest first</caption>
        <thead>
          <tr>
            <th scope="col">at</th>
            {curves.map(curve => (
              <th key={curve.name} scope="col">
                {curve.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {xs.map(x => (
            <tr key={x}>
              <th scope="row">{formatX(x)}</th>
              {values.map((points, index) => {
                const y = points.get(x);
                return <td key={index}>{y === undefined ? '' : formatY(y)}</td>;
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
