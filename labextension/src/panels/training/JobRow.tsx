import { delta, duration, elapsed, metric, relativeTime, dateTime } from '../../core/format';
import { jobLook, runSeconds } from '../../core/status';
import type { JobCard } from '../../core/types/training';
import { ConfirmButton, ProgressBar, progressText, Sparkline, StatusIcon } from '../../ui';
import { groupOf, originText } from './model';

interface JobRowProps {
  job: JobCard;
  /** Its place in the whole list, from 0. */
  index: number;
  now: number;
  focusable: boolean;
  selected: boolean;
  /** The S key was pressed once on this row. */
  asking: boolean;
  onFocus(): void;
  onOpen(): void;
  onToggle(): void;
  onStop(): void;
}

export function JobRow(props: JobRowProps): JSX.Element {
  const { job, index, now, focusable, selected, asking, onFocus, onOpen, onToggle, onStop } = props;
  const look = jobLook(job);
  const group = groupOf(job);
  const live = group === 'running' || group === 'queued';
  const seconds = runSeconds(job, now);
  return (
    <div
      role="row"
      aria-rowindex={index + 1}
      data-row={job.TrainingJobName}
      data-group={group}
      className="jp-ml-row jp-ml-job-grid"
      tabIndex={focusable ? 0 : -1}
      aria-selected={selected}
      aria-label={`${job.TrainingJobName}, ${look.label}`}
      onClick={onOpen}
      onFocus={onFocus}
    >
      <div role="gridcell" className="jp-ml-row-name">
        <span className="jp-ml-row-status" title={look.label}>
          <StatusIcon tone={look.tone} />
          <input
            type="checkbox"
            tabIndex={-1}
            checked={selected}
            aria-label={`Select ${job.TrainingJobName}`}
            onClick={event => event.stopPropagation()}
            onChange={onToggle}
          />
        </span>
        <span className="jp-ml-row-title">
          <strong title={job.TrainingJobName}>{job.TrainingJobName}</strong>
          <small>{job.TrainingJobStatus === 'Completed' ? originText(job) : look.label}</small>
        </span>
      </div>
      <div role="gridcell" className="jp-ml-row-objective">
        <Objective job={job} />
      </div>
      <div role="gridcell" className="jp-ml-row-trend">
        {job.Objective && <Sparkline values={job.Objective.Sparkline} label={job.Objective.Name} />}
      </div>
      <div role="gridcell" className="jp-ml-row-progress">
        {group === 'running' && (
          <>
            <ProgressBar progress={job.Progress} label={`Progress of ${job.TrainingJobName}`} />
            <small>{job.Progress ? progressText(job.Progress) : (job.StatusMessage ?? '')}</small>
          </>
        )}
        {group === 'failed' && (
          <small className="jp-ml-row-failure" title={job.FailureReason}>
            {job.FailureReason?.split('\n')[0]}
          </small>
        )}
      </div>
      <div role="gridcell" className="jp-ml-row-duration">
        {seconds === undefined ? '' : live ? elapsed(seconds) : duration(seconds)}
      </div>
      <div role="gridcell" className="jp-ml-row-started" title={dateTime(job.CreationTime)}>
        {relativeTime(job.CreationTime, now)}
      </div>
      {live && job.TrainingJobStatus !== 'Stopping' && (
        <div role="gridcell" className="jp-ml-row-actions" data-asking={asking || undefined}>
          {asking && <kbd>S again to stop</kbd>}
          <ConfirmButton
            compact
            label="Stop"
            confirm="Confirm stop"
            title={`Stop ${job.TrainingJobName}`}
            onConfirm={onStop}
          />
        </div>
      )}
    </div>
  );
}

/** The newest value and how it moved against the previous run of the same cell. */
function Objective({ job }: { job: JobCard }): JSX.Element | null {
  const objective = job.Objective;
  if (!objective) {
    return null;
  }
  const change = objective.Delta;
  return (
    <>
      <span className="jp-ml-metric">
        <span className="jp-ml-metric-name">{objective.Name}</span> <b>{metric(objective.Value)}</b>
      </span>
      {change !== undefined && change !== 0 && (
        <span
          className="jp-ml-delta"
          title={objective.Baseline ? `against ${objective.Baseline}` : undefined}
        >
          <span className="jp-ml-arrow">{change > 0 ? '▲ ' : '▼ '}</span>
          {delta(change)}
        </span>
      )}
    </>
  );
}
