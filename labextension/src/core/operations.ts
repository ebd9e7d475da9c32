import type { EndpointsUpdate, EndpointUpdate } from './types/endpoints';
import type { Comparison } from './types/experiments';
import type { LogUpdate } from './types/stream';
import type { JobsUpdate, JobUpdate, WireSeries } from './types/training';

export interface Workspace {
  Workspace: string;
  Version: string;
  Cpus: number;
  MemoryMb: number;
  Running: number;
  Queued: number;
  Endpoints: number;
}

/** Read operations that can be followed: an input without a cursor answers a snapshot, one with a cursor what is new. */
export interface Watches {
  WatchTrainingJobs: {
    input: { NameContains?: string; MaxResults?: number; PageSize?: number };
    output: JobsUpdate;
  };
  WatchTrainingJob: { input: { TrainingJobName: string }; output: JobUpdate };
  WatchLog: {
    input: { ResourceType: 'TrainingJob' | 'Endpoint'; ResourceName: string; Member?: number };
    output: LogUpdate;
  };
  WatchEndpoints: { input: Record<string, never>; output: EndpointsUpdate };
  WatchEndpoint: { input: { EndpointName: string }; output: EndpointUpdate };
}

export interface Calls {
  CompareRuns: { input: { Names: string[] }; output: Comparison };
  DeleteEndpoint: { input: { EndpointName: string }; output: Record<string, never> };
  DeleteTrainingJob: { input: { TrainingJobName: string }; output: Record<string, never> };
  GetRunMetrics: {
    input: {
      RunName: string;
      Names?: string[];
      MaxPoints?: number;
      Axis?: 'Step' | 'Time';
      From?: number;
      To?: number;
    };
    output: { Series: WireSeries[] };
  };
  GetWorkspace: { input: Record<string, never>; output: Workspace };
  InvokeEndpoint: {
    input: { EndpointName: string; Body: string; ContentType: string; Accept: string };
    output: { Body: string; ContentType: string };
  };
  StopTrainingJob: { input: { TrainingJobName: string }; output: Record<string, never> };
}

export type WatchName = keyof Watches;
export type CallName = keyof Calls;
