import { Notification } from '@jupyterlab/apputils';
import { isLive, jobLook, runSeconds } from '../core/status';
import { elapsed, metric } from '../core/format';
import type { JobCard } from '../core/types/training';

const SHORTEST_S = 10;
const GROUPED_ABOVE = 3;
/** Kept behind the bell only: a toast in progress would cover the corner as long as the job runs. */
const SILENT = 0;

interface ToastActions {
  open(name: string): void;
  openAll(): void;
  /** Asked on every end; the browser may have taken its permission back. */
  desktop(): boolean;
}

/** One notification per job that runs ten seconds or longer: in progress, then how it ended. */
export class JobToasts {
  private running = new Map<string, string>();
  private group: string | undefined;
  private seen = new Map<string, boolean>();

  constructor(private actions: ToastActions) {}

  /** Take in the present jobs; call it once a second too, because a job becomes ten seconds old without news. */
  update(jobs: JobCard[], now: number): void {
    const long = jobs.filter(
      job => isLive(job.TrainingJobStatus) && (runSeconds(job, now) ?? 0) >= SHORTEST_S
    );
    const ended = jobs.filter(
      job => !isLive(job.TrainingJobStatus) && this.seen.get(job.TrainingJobName) === true
    );
    for (const job of jobs) {
      this.seen.set(job.TrainingJobName, isLive(job.TrainingJobStatus));
    }
    if (long.length > GROUPED_ABOVE) {
      this.showGroup(long.length);
    } else {
      this.dropGroup();
      long.forEach(job => this.showRunning(job));
    }
    ended.forEach(job => this.showEnd(job, now));
  }

  private showRunning(job: JobCard): void {
    const name = job.TrainingJobName;
    if (!this.running.has(name)) {
      this.running.set(
        name,
        Notification.emit(`${name} is running`, 'in-progress', {
          autoClose: SILENT,
          actions: this.openAction(name)
        })
      );
    }
  }

  private showEnd(job: JobCard, now: number): void {
    const name = job.TrainingJobName;
    const id = this.running.get(name);
    const seconds = runSeconds(job, now) ?? 0;
    this.running.delete(name);
    if (id === undefined && seconds < SHORTEST_S) {
      return;
    }
    const failed = job.TrainingJobStatus === 'Failed';
    const message = endMessage(job, seconds);
    const type = failed ? 'error' : job.TrainingJobStatus === 'Completed' ? 'success' : 'info';
    const options = { autoClose: failed ? (false as const) : 8000, actions: this.openAction(name) };
    if (id === undefined || !Notification.manager.has(id)) {
      Notification.emit(message, type, options);
    } else {
      Notification.update({ id, message, type, ...options });
    }
    if (
      document.hidden &&
      this.actions.desktop() &&
      window.Notification?.permission === 'granted'
    ) {
      new window.Notification(message, { tag: name });
    }
  }

  private showGroup(count: number): void {
    const message = `${count} training jobs are running`;
    const actions = [{ label: 'Open', callback: () => this.actions.openAll() }];
    this.running.forEach(id => Notification.dismiss(id));
    this.running.clear();
    if (this.group === undefined || !Notification.manager.has(this.group)) {
      this.group = Notification.emit(message, 'in-progress', { autoClose: SILENT, actions });
    } else {
      Notification.update({ id: this.group, message, type: 'in-progress', actions });
    }
  }

  private dropGroup(): void {
    if (this.group !== undefined) {
      Notification.dismiss(this.group);
      this.group = undefined;
    }
  }

  private openAction(name: string): { label: string; callback(): void }[] {
    return [{ label: 'Open', callback: () => this.actions.open(name) }];
  }
}

function endMessage(job: JobCard, seconds: number): string {
  const result = job.Objective ? ` · ${job.Objective.Name} ${metric(job.Objective.Value)}` : '';
  const reason =
    job.TrainingJobStatus === 'Failed' && job.FailureReason
      ? `: ${job.FailureReason.split('\n')[0]}`
      : result;
  return `${job.TrainingJobName} ${jobLook(job).label.toLowerCase()} after ${elapsed(seconds)}${reason}`;
}
