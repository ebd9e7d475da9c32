import { clockTime, duration, elapsed, words } from '../../core/format';
import { isLive, jobStatusLook } from '../../core/status';
import type { JobCard, Transition } from '../../core/types/training';
import { StatusIcon } from '../../ui';

interface TimelineProps {
  card: JobCard;
  transitions: Transition[];
  now: number;
}

const ENDS = new Set(['Completed', 'Failed', 'Stopped', 'MaxRuntimeExceeded', 'Interrupted']);

/** What the job went through and how long each part took; the last step is where it is. */
export function Timeline({ card, transitions, now }: TimelineProps): JSX.Element | null {
  if (transitions.length === 0) {
    return null;
  }
  const live = isLive(card.TrainingJobStatus);
  return (
    <ol className="jp-ml-timeline" aria-label="Status history">
      {transitions.map((step, index) => {
        const last = index === transitions.length - 1;
        const ended = ENDS.has(step.Status);
        const tone = last ? (live ? 'running' : jobStatusLook(card.TrainingJobStatus).tone) : 'ok';
        const until = step.EndTime ?? transitions[index + 1]?.StartTime;
        return (
          <li
            key={`${step.Status}-${step.StartTime}`}
            data-tone={tone}
            aria-current={last ? 'step' : undefined}
            title={[clockTime(step.StartTime), step.StatusMessage].filter(Boolean).join(' · ')}
          >
            <StatusIcon tone={tone} size={12} />
            <span className="jp-ml-timeline-name">{words(step.Status)}</span>
            <small>
              {ended
                ? clockTime(step.StartTime)
                : until === undefined
                  ? elapsed(now - step.StartTime)
                  : duration(until - step.StartTime)}
            </small>
          </li>
        );
      })}
    </ol>
  );
}
