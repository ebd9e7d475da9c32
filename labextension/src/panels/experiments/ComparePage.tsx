import { useCallback, useEffect, useMemo, useState } from 'react';
import { toServiceError, type ServiceError } from '../../core/client';
import { usePanel } from '../../core/context';
import { useViewState } from '../../core/hooks';
import { readMetrics } from '../../core/runMetrics';
import type { Comparison } from '../../core/types/experiments';
import { Button, ErrorNotice, LineChart, Section, Skeleton, type Finer } from '../../ui';
import { ComparisonTable } from './ComparisonTable';
import { SourceDiff } from './SourceDiff';
import { curveOf, hiddenCount, overlay } from './model';

const REFRESH_MS = 2000;

interface ComparePageProps {
  names: string[];
  snapshot?: Comparison;
  embedded?: boolean;
}

/** Runs side by side: only what differs, unless asked. */
export function ComparePage({ names, snapshot, embedded = false }: ComparePageProps): JSX.Element {
  const { comparison, error, retry } = useComparison(names, snapshot);
  return (
    <article
      className="jp-ml jp-ml-page"
      data-embedded={embedded || undefined}
      aria-label={`Comparison of ${names.join(', ')}`}
    >
      {error && <ErrorNotice error={error} retry={retry} title="The runs cannot be compared." />}
      {comparison ? (
        <Compared comparison={comparison} />
      ) : (
        !error && <Skeleton rows={6} height={32} />
      )}
    </article>
  );
}

/** The comparison, asked for again while one of its runs goes on. */
function useComparison(
  names: string[],
  snapshot: Comparison | undefined
): { comparison: Comparison | undefined; error: ServiceError | undefined; retry(): void } {
  const { client } = usePanel();
  const [comparison, setComparison] = useState(snapshot);
  const [error, setError] = useState<ServiceError>();
  const key = JSON.stringify(names);
  const load = useCallback(() => {
    client
      .call('CompareRuns', { Names: JSON.parse(key) as string[] })
      .then(answer => {
        setComparison(answer);
        setError(undefined);
      })
      .catch((problem: unknown) => setError(toServiceError(problem)));
  }, [client, key]);
  useEffect(load, [load]);
  const going =
    comparison?.Runs.some(run => ['InProgress', 'Stopping'].includes(run.Status)) ?? false;
  useEffect(() => {
    if (!going) {
      return;
    }
    const timer = setInterval(load, REFRESH_MS);
    return () => clearInterval(timer);
  }, [going, load]);
  return { comparison, error, retry: load };
}

function Compared({ comparison }: { comparison: Comparison }): JSX.Element {
  const runs = useMemo(() => comparison.Runs.map(run => run.Name), [comparison]);
  const [onlyDifferences, setOnlyDifferences] = useViewState<boolean>('compare:differences', true);
  const [baseline, setBaseline] = useState(0);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const same = hiddenCount(comparison);
  const toggle = (run: string): void => {
    const next = new Set(hidden);
    if (!next.delete(run)) {
      next.add(run);
    }
    setHidden(next);
  };
  const curves = comparison.Series.filter(series =>
    series.Curves.some(curve => curve.Values.length > 1)
  );
  return (
    <>
      <header className="jp-ml-page-header">
        <div className="jp-ml-page-title">
          <h1>{runs.length} runs compared</h1>
          <span className="jp-ml-spring" />
          <label className="jp-ml-switch">
            <input
              type="checkbox"
              role="switch"
              checked={onlyDifferences}
              onChange={event => setOnlyDifferences(event.target.checked)}
            />
            <span aria-hidden="true" />
            Only differences
          </label>
        </div>
        <p className="jp-ml-page-facts">
          <span>
            {same === 0
              ? 'Everything that was recorded differs.'
              : `${same} settings are the same in every run${onlyDifferences ? ' and hidden' : ''}.`}
          </span>
        </p>
      </header>
      <ComparisonTable
        comparison={comparison}
        onlyDifferences={onlyDifferences}
        baseline={Math.min(baseline, runs.length - 1)}
        onBaseline={setBaseline}
      />
      {curves.length > 0 && (
        <Section
          title="Curves"
          aside={runs.map((run, index) => (
            <span key={run} className={`jp-ml-eye jp-ml-series-${index % 8}`}>
              <i />
              <Button
                look="quiet"
                icon={hidden.has(run) ? 'eyeOff' : 'eye'}
                pressed={!hidden.has(run)}
                title={`Show ${run}`}
                onClick={() => toggle(run)}
              >
                {run}
              </Button>
            </span>
          ))}
        >
          <div className="jp-ml-charts">
            {curves.map(series => (
              <Overlay key={series.Name} series={series} runs={runs} hidden={hidden} />
            ))}
          </div>
        </Section>
      )}
      {comparison.Source.map(source => (
        <SourceDiff key={`${source.From} ${source.To}`} source={source} />
      ))}
    </>
  );
}

/** One metric of every run that is not hidden; each is asked for its own finer points. */
function Overlay({
  series,
  runs,
  hidden
}: {
  series: Comparison['Series'][number];
  runs: string[];
  hidden: ReadonlySet<string>;
}): JSX.Element {
  const { client } = usePanel();
  const curves = useMemo(() => overlay(series, runs, hidden), [series, runs, hidden]);
  const finer: Finer = useCallback(
    async range => {
      const answers = await Promise.all(
        curves.map(async ({ name }) => {
          const found = await readMetrics(client, name, [series.Name], { axis: 'step', ...range });
          return found.map(({ Steps, Values }) => curveOf(name, runs, Steps, Values));
        })
      );
      return answers.flat();
    },
    [client, curves, runs, series.Name]
  );
  return <LineChart title={series.Name} curves={curves} finer={finer} />;
}
