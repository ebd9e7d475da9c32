import { duration, elapsed, memory, words } from '../../core/format';
import type { Resources } from '../../core/types/training';
import { EmptyState, LineChart, Section, Tile } from '../../ui';

const percentOf = (value: number): string => `${Math.round(value)} %`;

/** What the job used, second by second, against what it may use and how that is enforced. */
export function ResourceView({
  resources,
  start
}: {
  resources: Resources | undefined;
  start: number | undefined;
}): JSX.Element {
  if (!resources) {
    return (
      <EmptyState
        icon="activity"
        title="Nothing measured yet"
        text="Use is sampled once a second while the job runs."
      />
    );
  }
  const { Samples: samples, Enforced: enforced } = resources;
  const origin = start ?? samples[0]?.Time ?? 0;
  const xs = samples.map(sample => sample.Time - origin);
  const share = resources.MemoryLimitMb
    ? resources.PeakMemoryMb / resources.MemoryLimitMb
    : undefined;
  return (
    <div className="jp-ml-main">
      <div className="jp-ml-tiles">
        <Tile
          label="Peak memory"
          value={memory(resources.PeakMemoryMb)}
          tone={share !== undefined && share > 0.9 ? 'bad' : undefined}
          note={
            resources.MemoryLimitMb
              ? `of ${memory(resources.MemoryLimitMb)} · ${enforcement(enforced.Memory)}`
              : 'no limit'
          }
        />
        <Tile
          label="Processor"
          value={percentOf(resources.CpuPercent)}
          note={
            resources.CpuLimit
              ? `of ${resources.CpuLimit * 100} % · ${enforcement(enforced.Cpu)}`
              : 'no limit'
          }
        />
        <Tile
          label="Measured for"
          value={duration(xs.at(-1) ?? 0)}
          note={`${samples.length} samples`}
        />
        {enforced.Network && (
          <Tile label="Network" value="Isolated" note={`by a ${enforced.Network}`} />
        )}
      </div>
      <Section title="Over time">
        <div className="jp-ml-charts">
          <LineChart
            title="Memory"
            curves={[{ name: 'memory', xs, ys: samples.map(sample => sample.MemoryMb), color: 0 }]}
            fromZero
            timeAxis
            formatX={elapsed}
            formatY={memory}
          />
          <LineChart
            title="Processor"
            curves={[
              { name: 'processor', xs, ys: samples.map(sample => sample.CpuPercent), color: 1 }
            ]}
            fromZero
            timeAxis
            formatX={elapsed}
            formatY={percentOf}
          />
        </div>
      </Section>
    </div>
  );
}

function enforcement(means: string | undefined): string {
  return means === undefined || means === 'advisory'
    ? 'advisory'
    : `enforced by ${words(means).toLowerCase()}`;
}
