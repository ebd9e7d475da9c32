import type { EndpointStatus } from './types/endpoints';
import type { JobCard, JobStatus } from './types/training';

export type Tone = 'running' | 'queued' | 'ok' | 'bad' | 'stopped' | 'warn';

export function assertNever(value: never): never {
  throw new Error(`Unexpected value: ${JSON.stringify(value)}`);
}

export interface StatusLook {
  tone: Tone;
  label: string;
}

/** A job waits for capacity while it has a place in the queue or nothing of it has started. */
export function isQueued(job: JobCard): boolean {
  return (
    job.TrainingJobStatus === 'InProgress' &&
    (job.QueuePosition !== undefined || job.SecondaryStatus === 'Pending')
  );
}

export function isLive(status: JobStatus): boolean {
  return status === 'InProgress' || status === 'Stopping';
}

export function jobLook(job: JobCard): StatusLook {
  if (isQueued(job)) {
    return {
      tone: 'queued',
      label: job.QueuePosition ? `Queued, place ${job.QueuePosition}` : 'Queued'
    };
  }
  if (job.TrainingJobStatus === 'InProgress') {
    return { tone: 'running', label: job.SecondaryStatus || 'Running' };
  }
  const look = jobStatusLook(job.TrainingJobStatus);
  return job.SecondaryStatus === 'MaxRuntimeExceeded'
    ? { ...look, label: 'Stopped at its time limit' }
    : look;
}

export function jobStatusLook(status: JobStatus): StatusLook {
  switch (status) {
    case 'InProgress':
      return { tone: 'running', label: 'Running' };
    case 'Stopping':
      return { tone: 'warn', label: 'Stopping' };
    case 'Stopped':
      return { tone: 'stopped', label: 'Stopped' };
    case 'Completed':
      return { tone: 'ok', label: 'Completed' };
    case 'Failed':
      return { tone: 'bad', label: 'Failed' };
    default:
      return assertNever(status);
  }
}

export function endpointLook(status: EndpointStatus): StatusLook {
  switch (status) {
    case 'InService':
      return { tone: 'ok', label: 'In service' };
    case 'Creating':
    case 'Updating':
    case 'SystemUpdating':
      return { tone: 'running', label: status === 'Creating' ? 'Creating' : 'Updating' };
    case 'RollingBack':
      return { tone: 'warn', label: 'Rolling back' };
    case 'Deleting':
      return { tone: 'warn', label: 'Deleting' };
    case 'Failed':
      return { tone: 'bad', label: 'Failed' };
    case 'OutOfService':
      return { tone: 'stopped', label: 'Out of service' };
    default:
      return assertNever(status);
  }
}

/** What is shown of something that is no longer there. */
export const DELETED: StatusLook = { tone: 'stopped', label: 'Deleted' };

/** Seconds that the job has run, up to now or its end. */
export function runSeconds(job: JobCard, now: number): number | undefined {
  if (job.TrainingStartTime === undefined) {
    return undefined;
  }
  return Math.max(0, (job.TrainingEndTime ?? now) - job.TrainingStartTime);
}
