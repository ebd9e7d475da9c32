import { useMemo, useRef, useState } from 'react';
import { toServiceError, type ServiceError } from '../../core/client';
import { usePanel } from '../../core/context';
import { useNow, useViewState, useWatch } from '../../core/hooks';
import type { JobsUpdate } from '../../core/types/training';
import {
  Announcer,
  Button,
  ConnectionLine,
  EmptyState,
  ErrorNotice,
  FilterField,
  LongList,
  Skeleton,
  useListKeys
} from '../../ui';
import { EXAMPLE_CELLS } from './example';
import { JobRow } from './JobRow';
import { filterJobs, foldJobs, groupOf, type JobGroup, type JobsState } from './model';

const GROUPS: { id: JobGroup; label: string }[] = [
  { id: 'all', label: 'All' },
  { id: 'running', label: 'Running' },
  { id: 'queued', label: 'Queued' },
  { id: 'completed', label: 'Completed' },
  { id: 'failed', label: 'Failed' },
  { id: 'stopped', label: 'Stopped' }
];

/** All jobs that one may have, the newest at once and the others page by page behind them. */
const ALL = { MaxResults: 100_000, PageSize: 500 };
const ROW_HEIGHT = 73;

/** Every training job of the workspace, live. */
export function JobsPanel({ snapshot }: { snapshot?: JobsUpdate }): JSX.Element {
  const { state, error, retry } = useWatch('WatchTrainingJobs', ALL, foldJobs, snapshot);
  return (
    <div className="jp-ml jp-ml-list-panel">
      <ConnectionLine />
      {error && <ErrorNotice error={error} retry={retry} title="The jobs cannot be read." />}
      {state ? <Jobs state={state} /> : !error && <Skeleton rows={4} height={56} />}
    </div>
  );
}

function Jobs({ state }: { state: JobsState }): JSX.Element {
  const { client, open } = usePanel();
  const [text, setText] = useState('');
  const [group, setGroup] = useViewState<JobGroup>('jobs:group', 'all');
  const [selected, setSelected] = useState<readonly string[]>([]);
  const [problem, setProblem] = useState<ServiceError>();
  const [stopping, setStopping] = useState<string>();
  const field = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const now = useNow();
  const shown = useMemo(() => filterJobs(state.jobs, group, text), [state.jobs, group, text]);
  const names = useMemo(() => shown.map(job => job.TrainingJobName), [shown]);

  const toggle = (name: string): void =>
    setSelected(
      selected.includes(name) ? selected.filter(other => other !== name) : [...selected, name]
    );
  const stop = (name: string): void => {
    setProblem(undefined);
    setStopping(undefined);
    client
      .call('StopTrainingJob', { TrainingJobName: name })
      .catch((reason: unknown) => setProblem(toServiceError(reason)));
  };
  const compare = (): void => {
    if (selected.length > 1) {
      open({ panel: 'Compare', names: [...selected] });
    }
  };
  const keys = useListKeys({
    names,
    onOpen: name => open({ panel: 'TrainingJob', name }),
    onToggle: toggle,
    onEscape: () => (stopping ? setStopping(undefined) : setSelected([])),
    letters: {
      '/': () => field.current?.focus(),
      c: compare,
      s: name => {
        const job = state.jobs.find(one => one.TrainingJobName === name);
        if (job && ['running', 'queued'].includes(groupOf(job))) {
          if (stopping === name) {
            stop(job.TrainingJobName);
          } else {
            setStopping(name);
          }
        }
      }
    }
  });

  if (state.jobs.length === 0) {
    return (
      <EmptyState
        icon="activity"
        title="No training jobs yet"
        text="After %load_ext jupyter_ml, a cell with %%ml train on top runs beside the notebook, detached."
        cells={EXAMPLE_CELLS}
      />
    );
  }
  return (
    <>
      <Announcer
        message={`${state.counts.InProgress} running, ${state.counts.Queued} queued, ${state.counts.Failed} failed`}
      />
      <div className="jp-ml-list-bar">
        <FilterField
          value={text}
          placeholder="Filter jobs"
          inputRef={field}
          onChange={setText}
          onEscape={() =>
            list.current?.querySelector<HTMLElement>('[tabindex="0"][data-row]')?.focus()
          }
        />
        <GroupChips state={state} group={group} onSelect={setGroup} />
      </div>
      {problem && <ErrorNotice error={problem} />}
      <div
        ref={list}
        role="grid"
        aria-label="Training jobs"
        aria-multiselectable="true"
        aria-rowcount={shown.length}
        className="jp-ml-rows"
        onKeyDown={keys.onKeyDown}
      >
        <div className="jp-ml-row-head jp-ml-job-grid" aria-hidden="true">
          <span>Job</span>
          <span>Objective</span>
          <span>Trend</span>
          <span>Progress</span>
          <span>Duration</span>
          <span>Started</span>
        </div>
        <LongList
          items={shown}
          rowHeight={ROW_HEIGHT}
          active={shown.find(job => job.TrainingJobName === keys.active)}
        >
          {(job, index) => (
            <JobRow
              key={job.TrainingJobName}
              job={job}
              index={index}
              now={now}
              focusable={keys.active === job.TrainingJobName}
              selected={selected.includes(job.TrainingJobName)}
              asking={stopping === job.TrainingJobName}
              onFocus={() => keys.setActive(job.TrainingJobName)}
              onOpen={() => open({ panel: 'TrainingJob', name: job.TrainingJobName })}
              onToggle={() => toggle(job.TrainingJobName)}
              onStop={() => stop(job.TrainingJobName)}
            />
          )}
        </LongList>
      </div>
      {shown.length === 0 && (
        <p className="jp-ml-none">
          No job matches.{' '}
          <button
            type="button"
            className="jp-ml-link"
            onClick={() => {
              setText('');
              setGroup('all');
            }}
          >
            Show all
          </button>
        </p>
      )}
      {selected.length > 0 && (
        <SelectionBar count={selected.length} onCompare={compare} onClear={() => setSelected([])} />
      )}
    </>
  );
}

function SelectionBar({
  count,
  onCompare,
  onClear
}: {
  count: number;
  onCompare(): void;
  onClear(): void;
}): JSX.Element {
  return (
    <div className="jp-ml-selection" role="toolbar" aria-label="Selected jobs">
      <span>{count} selected</span>
      <span className="jp-ml-spring" />
      <Button
        look="primary"
        icon="compare"
        disabled={count < 2}
        title="Compare (C)"
        onClick={onCompare}
      >
        Compare
      </Button>
      <Button look="quiet" icon="cross" title="Clear the selection (Esc)" onClick={onClear} />
    </div>
  );
}

function GroupChips({
  state,
  group,
  onSelect
}: {
  state: JobsState;
  group: JobGroup;
  onSelect(group: JobGroup): void;
}): JSX.Element {
  const { counts } = state;
  const numbers: Record<JobGroup, number> = {
    all: counts.InProgress + counts.Queued + counts.Completed + counts.Failed + counts.Stopped,
    running: counts.InProgress,
    queued: counts.Queued,
    completed: counts.Completed,
    failed: counts.Failed,
    stopped: counts.Stopped
  };
  return (
    <div role="group" aria-label="Show" className="jp-ml-chips">
      {GROUPS.filter(({ id }) => id === 'all' || id === group || numbers[id] > 0).map(
        ({ id, label }) => (
          <button key={id} type="button" aria-pressed={id === group} onClick={() => onSelect(id)}>
            {label} <b>{numbers[id]}</b>
          </button>
        )
      )}
    </div>
  );
}
