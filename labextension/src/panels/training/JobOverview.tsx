import { useCallback, useMemo } from 'react';
import { usePanel } from '../../core/context';
import { delta, duration, elapsed, memory, metric } from '../../core/format';
import { useNow, useViewState } from '../../core/hooks';
import { readMetrics } from '../../core/runMetrics';
import { isLive, runSeconds } from '../../core/status';
import type { JobCard } from '../../core/types/training';
import { Facts, LineChart, Meter, Section, Segments, Tile, type Finer } from '../../ui';
import { LogTail } from './JobLog';
import {
  chosenHyperParameters,
  curvesOf,
  groupSeries,
  isSingle,
  originOf,
  withSeries,
  type Axis,
  type JobState,
  type MetricGroup
} from './model';

const AXES = [
  { id: 'step', label: 'Step' },
  { id: 'time', label: 'Time' }
] as const;

interface JobOverviewProps {
  name: string;
  state: JobState;
  card: JobCard;
  onLog(): void;
}

export function JobOverview({ name, state, card, onLog }: JobOverviewProps): JSX.Element {
  const groups = useMemo(() => groupSeries(state.series.values()), [state.series]);
  const curves = groups.filter(group => !isSingle(group));
  const singles = groups.filter(isSingle);
  return (
    <div className="jp-ml-overview">
      <div className="jp-ml-main">
        <Tiles card={card} singles={singles} />
        {curves.length > 0 && <Curves name={name} groups={curves} start={card.TrainingStartTime} />}
        {groups.length === 0 && <NoMetric live={isLive(card.TrainingJobStatus)} />}
        <LogTail name={name} onOpen={onLog} />
      </div>
      <aside className="jp-ml-rail" aria-label="Settings">
        <Rail state={state} />
      </aside>
    </div>
  );
}

function NoMetric({ live }: { live: boolean }): JSX.Element {
  return (
    <p className="jp-ml-hint">
      {live ? 'No metric yet.' : 'No metric was logged.'} In the job, <code>ml.log(loss=…)</code>{' '}
      {live ? 'shows here within a second.' : 'draws a curve here.'}
    </p>
  );
}

function Tiles({ card, singles }: { card: JobCard; singles: MetricGroup[] }): JSX.Element | null {
  const objective = card.Objective;
  const values = singles.flatMap(group =>
    group.series
      .filter(({ series }) => series.Name !== objective?.Name)
      .map(({ label, series }) => ({
        label: label === group.title ? label : series.Name,
        value: series.Values[0]
      }))
  );
  if (!objective && values.length === 0) {
    return null;
  }
  return (
    <div className="jp-ml-tiles">
      {objective && (
        <Tile
          label={objective.Name}
          value={metric(objective.Value)}
          note={
            objective.Delta === undefined || !objective.Baseline
              ? undefined
              : `${objective.Delta > 0 ? '▲' : objective.Delta < 0 ? '▼' : ''} ${delta(objective.Delta)} vs ${objective.Baseline}`
          }
        />
      )}
      {values.map(({ label, value }) => (
        <Tile key={label} label={label} value={value === undefined ? '–' : metric(value)} />
      ))}
    </div>
  );
}

function Curves({
  name,
  groups,
  start
}: {
  name: string;
  groups: MetricGroup[];
  start: number | undefined;
}): JSX.Element {
  const [axis, setAxis] = useViewState<Axis>('charts:axis', 'step');
  const [smoothing, setSmoothing] = useViewState<number>('charts:smoothing', 0);
  return (
    <Section
      title="Metrics"
      aside={
        <>
          <label className="jp-ml-slider">
            Smoothing
            <input
              type="range"
              min={0}
              max={0.95}
              step={0.05}
              value={smoothing}
              onChange={event => setSmoothing(Number(event.target.value))}
            />
          </label>
          <Segments label="Horizontal axis" options={AXES} selected={axis} onSelect={setAxis} />
        </>
      }
    >
      <div className="jp-ml-charts">
        {groups.map(group => (
          <MetricChart
            key={`${group.title} by ${axis}`}
            name={name}
            group={group}
            axis={axis}
            start={start}
            smoothing={smoothing}
          />
        ))}
      </div>
    </Section>
  );
}

function MetricChart({
  name,
  group,
  axis,
  start,
  smoothing
}: {
  name: string;
  group: MetricGroup;
  axis: Axis;
  start: number | undefined;
  smoothing: number;
}): JSX.Element {
  const { client } = usePanel();
  const origin = originOf(group, axis, start);
  const curves = useMemo(() => curvesOf(group, axis, origin), [group, axis, origin]);
  const finer: Finer = useCallback(
    async ({ low, high }) => {
      const names = group.series.map(({ series }) => series.Name);
      const range = { axis, low: low + origin, high: high + origin };
      const answered = await readMetrics(client, name, names, range);
      return curvesOf(withSeries(group, answered), axis, origin);
    },
    [client, name, group, axis, origin]
  );
  return (
    <LineChart
      title={group.title}
      curves={curves}
      finer={finer}
      smoothing={smoothing}
      timeAxis={axis === 'time'}
      formatX={axis === 'time' ? elapsed : metric}
    />
  );
}

function Rail({ state }: { state: JobState }): JSX.Element {
  const { job, resources, card } = state;
  const now = useNow(card !== undefined && isLive(card.TrainingJobStatus));
  const chosen = chosenHyperParameters(job);
  const limit = job?.StoppingCondition?.MaxRuntimeInSeconds;
  const seconds = card && runSeconds(card, now);
  const settings = [
    { name: 'Instance', value: instanceText(state) },
    {
      name: 'Image',
      value:
        job?.AlgorithmSpecification?.AlgorithmName ??
        job?.AlgorithmSpecification?.TrainingImage ??
        '–'
    },
    ...(limit === undefined ? [] : [{ name: 'Time limit', value: duration(limit) }]),
    ...(job?.BillableTimeInSeconds === undefined
      ? []
      : [{ name: 'Billable', value: duration(job.BillableTimeInSeconds) }])
  ];
  return (
    <>
      <Section title="Hyperparameters">
        {chosen.length ? (
          <Facts facts={chosen.map(([name, value]) => ({ name, value }))} />
        ) : (
          <p className="jp-ml-hint">None were set.</p>
        )}
      </Section>
      <Section title="Limits">
        {resources && (
          <Meter
            label="Memory"
            value={resources.PeakMemoryMb}
            limit={resources.MemoryLimitMb}
            text={`${memory(resources.PeakMemoryMb)} peak${resources.MemoryLimitMb ? ` of ${memory(resources.MemoryLimitMb)}` : ''}`}
          />
        )}
        {seconds !== undefined && limit !== undefined && (
          <Meter
            label="Time"
            value={seconds}
            limit={limit}
            text={`${(card && isLive(card.TrainingJobStatus) ? elapsed : duration)(seconds)} of ${duration(limit)}`}
          />
        )}
        <Facts facts={settings} />
      </Section>
    </>
  );
}

function instanceText({ job }: JobState): string {
  const { InstanceType, InstanceCount } = job?.ResourceConfig ?? {};
  return `${InstanceType ?? '–'}${(InstanceCount ?? 1) > 1 ? ` × ${InstanceCount}` : ''}`;
}
