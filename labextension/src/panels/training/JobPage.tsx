import { useState } from 'react';
import { usePanel } from '../../core/context';
import { useAction, useNow, useViewState, useWatch } from '../../core/hooks';
import { dateTime, duration, elapsed, relativeTime } from '../../core/format';
import { DELETED, isLive, jobLook, runSeconds } from '../../core/status';
import type { JobCard, JobUpdate } from '../../core/types/training';
import {
  Announcer,
  ConfirmButton,
  ConnectionLine,
  ErrorNotice,
  Notice,
  PageHeader,
  ProgressBar,
  progressText,
  Skeleton,
  Tabs,
  type Tab
} from '../../ui';
import { FailureCard } from './FailureCard';
import { JobData } from './JobData';
import { JobLog } from './JobLog';
import { JobOverview } from './JobOverview';
import { foldJob, originText, type JobState } from './model';
import { ResourceView } from './ResourceView';
import { Timeline } from './Timeline';

interface JobPageProps {
  name: string;
  snapshot?: JobUpdate;
  /** In a notebook output: bounded height, a way to open the whole page. */
  embedded?: boolean;
}

/** Everything about one training job, live. */
export function JobPage({ name, snapshot, embedded = false }: JobPageProps): JSX.Element {
  const [input] = useState({ TrainingJobName: name });
  const { state, error, retry } = useWatch('WatchTrainingJob', input, foldJob, snapshot);
  const gone = state?.card !== undefined && error?.isNotFound === true;
  return (
    <article
      className="jp-ml jp-ml-page"
      data-embedded={embedded || undefined}
      aria-label={`Training job ${name}`}
    >
      <ConnectionLine />
      {error && !gone && (
        <ErrorNotice error={error} retry={retry} title={`${name} cannot be read.`} />
      )}
      {state?.card ? (
        <Job name={name} state={state} card={state.card} embedded={embedded} gone={gone} />
      ) : (
        !error && <Skeleton rows={5} height={48} />
      )}
    </article>
  );
}

function Job({
  name,
  state,
  card,
  embedded,
  gone
}: {
  name: string;
  state: JobState;
  card: JobCard;
  embedded: boolean;
  gone: boolean;
}): JSX.Element {
  const [tab, setTab] = useViewState<string>(`job:${name}:tab`, 'overview');
  const live = !gone && isLive(card.TrainingJobStatus);
  const now = useNow(live);
  const failed = card.TrainingJobStatus === 'Failed';
  const tabs: Tab[] = [
    { id: 'overview', label: 'Overview' },
    { id: 'log', label: 'Log', alert: failed },
    { id: 'resources', label: 'Resources' },
    {
      id: 'data',
      label: 'Inputs & outputs',
      count: state.inputs.length + state.artifacts.length || undefined
    }
  ];
  return (
    <>
      <Announcer message={`${name} ${gone ? DELETED.label : jobLook(card).label}`} />
      <JobHeader card={card} now={now} embedded={embedded} gone={gone} />
      <EndNote card={card} state={state} gone={gone} />
      {live && card.TrainingJobStatus === 'InProgress' && card.QueuePosition === undefined && (
        <div className="jp-ml-page-progress">
          <ProgressBar progress={state.progress} label={`Progress of ${name}`} />
          <small>{state.progress ? progressText(state.progress) : card.StatusMessage}</small>
        </div>
      )}
      {!embedded && (
        <Timeline card={card} transitions={state.job?.SecondaryStatusTransitions ?? []} now={now} />
      )}
      {state.failure && <FailureCard failure={state.failure} onLog={() => setTab('log')} />}
      <Tabs label={name} tabs={tabs} selected={tab} onSelect={setTab}>
        {tab === 'overview' && (
          <JobOverview name={name} state={state} card={card} onLog={() => setTab('log')} />
        )}
        {tab === 'log' && <JobLog name={name} />}
        {tab === 'resources' && (
          <ResourceView resources={state.resources} start={card.TrainingStartTime} />
        )}
        {tab === 'data' && (
          <JobData inputs={state.inputs} artifacts={state.artifacts} job={state.job} />
        )}
      </Tabs>
    </>
  );
}

/** Why a job is not what it looks like: it is gone, or its time was over. */
function EndNote({
  card,
  state,
  gone
}: {
  card: JobCard;
  state: JobState;
  gone: boolean;
}): JSX.Element | null {
  const limit = state.job?.StoppingCondition?.MaxRuntimeInSeconds;
  if (gone) {
    return <Notice tone="info">The job was deleted; this is what was last seen of it.</Notice>;
  }
  if (card.SecondaryStatus === 'MaxRuntimeExceeded') {
    return (
      <Notice tone="warn">
        The job was stopped because it reached its time limit
        {limit === undefined ? '' : ` of ${duration(limit)}`}. What it had saved is kept; give it
        more with <code>--max-runtime 2h</code>.
      </Notice>
    );
  }
  return null;
}

function JobHeader({
  card,
  now,
  embedded,
  gone
}: {
  card: JobCard;
  now: number;
  embedded: boolean;
  gone: boolean;
}): JSX.Element {
  const { client, open } = usePanel();
  const name = card.TrainingJobName;
  const stop = useAction(async () => {
    await client.call('StopTrainingJob', { TrainingJobName: name });
  });
  const seconds = runSeconds(card, now);
  const baseline = card.Objective?.Baseline;
  return (
    <PageHeader
      name={name}
      look={gone ? DELETED : jobLook(card)}
      page={embedded ? { panel: 'TrainingJob', name } : undefined}
      action={
        !gone &&
        card.TrainingJobStatus === 'InProgress' && (
          <ConfirmButton
            label="Stop"
            confirm="Confirm stop"
            busy={stop.busy}
            onConfirm={stop.run}
          />
        )
      }
      facts={
        <>
          <span>{originText(card)}</span>
          <span title={dateTime(card.CreationTime)}>
            {relativeTime(card.CreationTime, Math.max(now, card.CreationTime))}
          </span>
          {seconds !== undefined && (
            <span>
              {isLive(card.TrainingJobStatus)
                ? `running for ${elapsed(seconds)}`
                : `took ${duration(seconds)}`}
            </span>
          )}
          {card.Attempt > 1 && <span>attempt {card.Attempt}</span>}
          {baseline && (
            <span>
              <button
                type="button"
                className="jp-ml-link"
                onClick={() => open({ panel: 'Compare', names: [baseline, name] })}
              >
                compare with {baseline}
              </button>
            </span>
          )}
        </>
      }
    >
      {stop.error && <ErrorNotice error={stop.error} title="The job was not stopped." />}
    </PageHeader>
  );
}
