import { seriesFromWire } from '../../core/runMetrics';
import { isLive, isQueued } from '../../core/status';
import type {
  Artifact,
  Failure,
  InputRecord,
  JobCard,
  JobCounts,
  JobsUpdate,
  JobUpdate,
  Progress,
  Resources,
  Series,
  TrainingJobDescription,
  WireSeries
} from '../../core/types/training';
import type { Curve } from '../../ui';
import { ascending, decimated, taken } from '../../ui/chartScale';

export interface JobsState {
  /** Newest first. */
  jobs: JobCard[];
  counts: JobCounts;
}

export function foldJobs(state: JobsState | undefined, update: JobsUpdate): JobsState {
  const gone = new Set([...update.Removed, ...update.Jobs.map(job => job.TrainingJobName)]);
  const kept = (state?.jobs ?? []).filter(job => !gone.has(job.TrainingJobName));
  const jobs = [...kept, ...update.Jobs].sort(
    (a, b) => b.CreationTime - a.CreationTime || b.TrainingJobName.localeCompare(a.TrainingJobName)
  );
  return { jobs, counts: update.Counts };
}

export type JobGroup = 'all' | 'running' | 'queued' | 'completed' | 'failed' | 'stopped';

export function groupOf(job: JobCard): Exclude<JobGroup, 'all'> {
  if (isQueued(job)) {
    return 'queued';
  }
  if (isLive(job.TrainingJobStatus)) {
    return 'running';
  }
  return job.TrainingJobStatus === 'Completed'
    ? 'completed'
    : job.TrainingJobStatus === 'Failed'
      ? 'failed'
      : 'stopped';
}

/** Jobs of the group whose name, notebook or failure contains every word of the text. */
export function filterJobs(jobs: JobCard[], group: JobGroup, text: string): JobCard[] {
  const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
  return jobs.filter(job => {
    if (group !== 'all' && groupOf(job) !== group) {
      return false;
    }
    const haystack =
      `${job.TrainingJobName} ${job.Origin.Notebook ?? ''} ${job.FailureReason ?? ''}`.toLowerCase();
    return wanted.every(word => haystack.includes(word));
  });
}

export interface JobState {
  card?: JobCard;
  job?: TrainingJobDescription;
  series: Map<string, Series>;
  progress?: Progress;
  resources?: Resources;
  failure?: Failure;
  inputs: InputRecord[];
  artifacts: Artifact[];
  ended: boolean;
}

const SAMPLES_KEPT = 3600;
const POINTS_KEPT = 16_000;

export function foldJob(state: JobState | undefined, update: JobUpdate): JobState {
  return {
    card: update.Card ?? state?.card,
    job: update.TrainingJob ?? state?.job,
    series: foldSeries(state?.series, update.Series),
    progress: update.Progress ?? update.Card?.Progress ?? state?.progress,
    resources: foldResources(state?.resources, update.Resources),
    failure: update.Failure ?? state?.failure,
    inputs: update.Inputs ?? state?.inputs ?? [],
    artifacts: update.Artifacts ?? state?.artifacts ?? [],
    ended: update.Ended
  };
}

function foldSeries(
  held: Map<string, Series> | undefined,
  added: WireSeries[] | undefined
): Map<string, Series> {
  if (!added?.length) {
    return held ?? new Map();
  }
  const merged = new Map(held);
  for (const more of added) {
    const before = merged.get(more.Name);
    merged.set(
      more.Name,
      bounded({
        Name: more.Name,
        Steps: (before?.Steps ?? []).concat(more.Steps),
        Times: (before?.Times ?? []).concat(more.Times),
        Values: (before?.Values ?? []).concat(seriesFromWire(more).Values)
      })
    );
  }
  return merged;
}

/** A run that logs for days grows here no further: it keeps its ends and peaks. */
function bounded(series: Series): Series {
  if (series.Values.length <= POINTS_KEPT) {
    return series;
  }
  const kept = decimated(series.Values, POINTS_KEPT / 8);
  return {
    Name: series.Name,
    Steps: taken(series.Steps, kept),
    Times: taken(series.Times, kept),
    Values: taken(series.Values, kept)
  };
}

function foldResources(
  held: Resources | undefined,
  update: Resources | undefined
): Resources | undefined {
  if (!update) {
    return held;
  }
  const last = held?.Samples.at(-1)?.Time ?? -Infinity;
  const fresh = update.Samples.filter(sample => sample.Time > last);
  return { ...update, Samples: [...(held?.Samples ?? []), ...fresh].slice(-SAMPLES_KEPT) };
}

export interface MetricGroup {
  title: string;
  series: { label: string; series: Series }[];
}

const SPLIT = /^(train|training|val|valid|validation|test|eval)[:_/.-](.+)$/i;

/** The same measure on several splits of the data (`train:auc`, `validation:auc`) belongs in one chart. */
export function groupSeries(series: Iterable<Series>): MetricGroup[] {
  const groups = new Map<string, MetricGroup>();
  for (const one of series) {
    const match = SPLIT.exec(one.Name);
    const title = match?.[2] ?? one.Name;
    const group = groups.get(title) ?? { title, series: [] };
    group.series.push({ label: match?.[1] ?? one.Name, series: one });
    groups.set(title, group);
  }
  return [...groups.values()];
}

export type Axis = 'step' | 'time';

/** Where the horizontal axis is zero: steps are what they are, time counts from the start. */
export function originOf(group: MetricGroup, axis: Axis, start: number | undefined): number {
  return axis === 'step' ? 0 : (start ?? group.series[0]?.series.Times[0] ?? 0);
}

export function curvesOf(group: MetricGroup, axis: Axis, origin: number): Curve[] {
  return group.series.map(({ label, series }, color) => {
    const xs = axis === 'step' ? series.Steps : series.Times.map(time => time - origin);
    return { name: label, color, ...ascending(xs, series.Values) };
  });
}

/** The group with the points of other series of the same names; a series that has none is left out. */
export function withSeries(group: MetricGroup, answered: Series[]): MetricGroup {
  return {
    ...group,
    series: group.series.flatMap(({ label, series }) => {
      const found = answered.find(one => one.Name === series.Name);
      return found ? [{ label, series: found }] : [];
    })
  };
}

/** A measure logged once is a result, not a curve. */
export function isSingle(group: MetricGroup): boolean {
  return group.series.every(({ series }) => series.Values.length <= 1);
}

/** `sagemaker_*` hyperparameters are how the script is started, not what the user chose. */
export function chosenHyperParameters(job: TrainingJobDescription | undefined): [string, string][] {
  return Object.entries(job?.HyperParameters ?? {})
    .filter(([name]) => !name.startsWith('sagemaker_'))
    .map(([name, value]) => [name, unquoted(value)]);
}

function unquoted(value: string): string {
  return /^"(?:[^"\\]|\\.)*"$/.test(value) ? String(JSON.parse(value)) : value;
}

export function originText(job: JobCard): string {
  const notebook = job.Origin.Notebook?.split('/').at(-1);
  switch (job.Origin.Kind) {
    case 'cell':
      return notebook ? `Cell of ${notebook}` : 'Notebook cell';
    case 'script':
      return notebook ? `Script from ${notebook}` : 'Script';
    case 'algorithm':
      return 'Built-in algorithm';
  }
}
