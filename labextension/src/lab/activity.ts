import { Signal, type ISignal } from '@lumino/signaling';
import type { DataClient } from '../core/client';
import { isQueued } from '../core/status';
import type { EndpointCard } from '../core/types/endpoints';
import type { JobCard } from '../core/types/training';
import { foldEndpoints, type EndpointsState } from '../panels/endpoints';
import { foldJobs, type JobsState } from '../panels/training';

/** What goes on in the workspace, followed once for the side bar, the status bar and the notifications. */
export class Activity {
  private jobsState: JobsState | undefined;
  private endpointsState: EndpointsState | undefined;
  private stops: (() => void)[] = [];
  private changedSignal = new Signal<this, void>(this);

  constructor(private client: DataClient) {}

  get changed(): ISignal<this, void> {
    return this.changedSignal;
  }

  get jobs(): JobCard[] {
    return this.jobsState?.jobs ?? [];
  }

  get endpoints(): EndpointCard[] {
    return this.endpointsState?.endpoints ?? [];
  }

  get queued(): number {
    return this.jobs.filter(isQueued).length;
  }

  get running(): number {
    return this.jobs.filter(job => job.TrainingJobStatus === 'InProgress' && !isQueued(job)).length;
  }

  get inService(): number {
    return this.endpoints.filter(endpoint => endpoint.EndpointStatus === 'InService').length;
  }

  start(): void {
    this.stops = [
      this.client.subscribe(
        'WatchTrainingJobs',
        {},
        {
          next: update => {
            this.jobsState = foldJobs(update.Reset ? undefined : this.jobsState, update);
            this.changedSignal.emit();
          },
          error: problem => console.warn(`jupyter_ml: ${problem.message}`)
        }
      ),
      this.client.subscribe(
        'WatchEndpoints',
        {},
        {
          next: update => {
            this.endpointsState = foldEndpoints(
              update.Reset ? undefined : this.endpointsState,
              update
            );
            this.changedSignal.emit();
          },
          error: problem => console.warn(`jupyter_ml: ${problem.message}`)
        }
      )
    ];
  }

  stop(): void {
    this.stops.forEach(stop => stop());
    Signal.clearData(this);
  }
}
