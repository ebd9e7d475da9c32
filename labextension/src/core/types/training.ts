/** Training jobs as the operations tell of them, as the service model spells it. Times are epoch seconds. */

import type { Update } from './stream';

export type JobStatus = 'InProgress' | 'Completed' | 'Failed' | 'Stopping' | 'Stopped';

export interface Objective {
  Name: string;
  Value: number;
  Delta?: number;
  Baseline?: string;
  Sparkline: number[];
}

export interface Progress {
  Current: number;
  Total?: number;
  Fraction?: number;
  EtaSeconds?: number;
  Label?: string;
}

export interface Origin {
  Kind: 'cell' | 'script' | 'algorithm';
  Notebook?: string;
  CellId?: string;
}

export interface JobCard {
  TrainingJobName: string;
  TrainingJobArn: string;
  TrainingJobStatus: JobStatus;
  SecondaryStatus: string;
  StatusMessage?: string;
  CreationTime: number;
  LastModifiedTime: number;
  TrainingStartTime?: number;
  TrainingEndTime?: number;
  QueuePosition?: number;
  FailureReason?: string;
  Objective?: Objective;
  Progress?: Progress;
  Origin: Origin;
  Attempt: number;
}

export interface JobCounts {
  InProgress: number;
  Queued: number;
  Completed: number;
  Failed: number;
  Stopped: number;
}

export interface JobsUpdate extends Update {
  Jobs: JobCard[];
  Removed: string[];
  Counts: JobCounts;
}

export interface Transition {
  Status: string;
  StartTime: number;
  EndTime?: number;
  StatusMessage?: string;
}

export interface Channel {
  ChannelName: string;
  ContentType?: string;
  DataSource?: {
    S3DataSource?: { S3Uri: string };
    FileSystemDataSource?: { DirectoryPath: string };
  };
}

export interface TrainingJobDescription {
  TrainingJobName: string;
  TrainingJobArn: string;
  TrainingJobStatus: JobStatus;
  SecondaryStatus: string;
  CreationTime?: number;
  HyperParameters?: Record<string, string>;
  Environment?: Record<string, string>;
  AlgorithmSpecification?: { TrainingImage?: string; AlgorithmName?: string };
  ResourceConfig?: { InstanceType?: string; InstanceCount?: number };
  StoppingCondition?: { MaxRuntimeInSeconds?: number };
  InputDataConfig?: Channel[];
  ModelArtifacts?: { S3ModelArtifacts?: string };
  SecondaryStatusTransitions?: Transition[];
  BillableTimeInSeconds?: number;
  TrainingTimeInSeconds?: number;
}

export interface Series {
  Name: string;
  Steps: number[];
  Times: number[];
  Values: number[];
}

export interface WireSeries extends Omit<Series, 'Values'> {
  Values: (number | null)[];
}

export interface ResourceSample {
  Time: number;
  CpuPercent: number;
  MemoryMb: number;
}

export interface Resources {
  CpuPercent: number;
  MemoryMb: number;
  PeakMemoryMb: number;
  MemoryLimitMb?: number;
  CpuLimit?: number;
  Enforced: { Memory?: string; Cpu?: string; Network?: string };
  Samples: ResourceSample[];
}

export interface Frame {
  File: string;
  Line: number;
  Function: string;
  Code?: string;
  InCell: boolean;
}

export interface Failure {
  Reason: string;
  Message: string;
  ExceptionType?: string;
  Frames: Frame[];
  Source: { Number: number; Text: string }[];
  LogTail: string[];
  PeakMemoryMb?: number;
  MemoryLimitMb?: number;
  ExitCode?: number;
  Signal?: string | number;
  Advice?: string;
}

export interface InputRecord {
  Name: string;
  Kind: string;
  Sha256?: string;
  Bytes?: number;
  Detail?: string;
}

export interface Artifact {
  Name: string;
  Uri: string;
  Bytes: number;
}

export interface JobUpdate extends Update {
  Ended: boolean;
  Card?: JobCard;
  TrainingJob?: TrainingJobDescription;
  Series?: WireSeries[];
  Progress?: Progress;
  Resources?: Resources;
  Failure?: Failure;
  Inputs?: InputRecord[];
  Artifacts?: Artifact[];
}
