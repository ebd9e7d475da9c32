import { Fragment } from 'react';
import { usePanel } from '../../core/context';
import { delta, metric } from '../../core/format';
import type { ComparedRow, Comparison } from '../../core/types/experiments';
import { metricCells, shortHash, visibleRows } from './model';

interface ComparisonTableProps {
  comparison: Comparison;
  onlyDifferences: boolean;
  /** Index of the run that changes are measured against. */
  baseline: number;
  onBaseline(index: number): void;
}

export function ComparisonTable({
  comparison,
  onlyDifferences,
  baseline,
  onBaseline
}: ComparisonTableProps): JSX.Element {
  const { open } = usePanel();
  const sections: [string, ComparedRow[]][] = [
    ['Parameters', visibleRows(comparison.Parameters, onlyDifferences)],
    ['Inputs', visibleRows(comparison.Inputs, onlyDifferences)],
    ['Environment', visibleRows(comparison.Environment, onlyDifferences)]
  ];
  const span = comparison.Runs.length + 1;
  return (
    <div className="jp-ml-compare-scroll" tabIndex={0} role="region" aria-label="Comparison">
      <table className="jp-ml-table jp-ml-compare">
        <thead>
          <tr>
            <td />
            {comparison.Runs.map((run, index) => (
              <th key={run.Name} scope="col" data-baseline={index === baseline || undefined}>
                <span className={`jp-ml-compare-run jp-ml-series-${index % 8}`}>
                  <i />
                  {run.Kind === 'TrainingJob' ? (
                    <button
                      type="button"
                      className="jp-ml-link"
                      onClick={() => open({ panel: 'TrainingJob', name: run.Name })}
                    >
                      {run.Name}
                    </button>
                  ) : (
                    run.Name
                  )}
                </span>
                <small>
                  {index === baseline ? (
                    'baseline'
                  ) : (
                    <button type="button" className="jp-ml-link" onClick={() => onBaseline(index)}>
                      use as baseline
                    </button>
                  )}
                </small>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {comparison.Metrics.length > 0 && <Heading text="Metrics" span={span} />}
          {comparison.Metrics.map(one => (
            <tr key={one.Name}>
              <th scope="row">{one.Name}</th>
              {metricCells(one, baseline).map((cell, index) => (
                <td key={index} className="jp-ml-number" data-best={cell.best || undefined}>
                  {cell.value === null ? '–' : metric(cell.value)}
                  {cell.best && <em title="Best">best</em>}
                  {cell.delta !== undefined && <small>{delta(cell.delta)}</small>}
                </td>
              ))}
            </tr>
          ))}
          {sections.map(
            ([title, rows]) =>
              rows.length > 0 && (
                <Fragment key={title}>
                  <Heading text={title} span={span} />
                  {rows.map(row => (
                    <tr key={row.Name} data-differs={row.Differs || undefined}>
                      <th scope="row" title={row.Name}>
                        {row.Name}
                      </th>
                      {row.Values.map((value, index) => (
                        <td
                          key={index}
                          title={value ?? undefined}
                          data-changed={value !== row.Values[baseline] || undefined}
                        >
                          {shortHash(value)}
                        </td>
                      ))}
                    </tr>
                  ))}
                </Fragment>
              )
          )}
        </tbody>
      </table>
    </div>
  );
}

function Heading({ text, span }: { text: string; span: number }): JSX.Element {
  return (
    <tr className="jp-ml-compare-heading">
      <th scope="colgroup" colSpan={span}>
        {text}
      </th>
    </tr>
  );
}
