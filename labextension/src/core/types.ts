/** The shapes of the operations that the panels read, as the service model spells them. Times are epoch seconds. */

export type JobStatus = 'InProgress' | 'Completed' | 'Failed' | 'Stopping' | 'Stopped';

export type EndpointStatus =
  | 'Creating'
  | 'InService'
  | 'Updating'
  | 'SystemUpdating'
  | 'RollingBack'
  | 'Deleting'
  | 'Failed'
  | 'OutOfService';

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

export interface Update {
  Cursor: string;
  Reset: boolean;
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

/** The members of DescribeTrainingJob that a page shows. */
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

/** A series on the wire, where NaN travels as null. */
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

export interface LogUpdate extends Update {
  Ended: boolean;
  FirstLine: number;
  Text: string;
  DroppedBytes: number;
}

export interface EndpointCard {
  EndpointName: string;
  EndpointArn: string;
  EndpointStatus: EndpointStatus;
  CreationTime: number;
  LastModifiedTime: number;
  StatusMessage?: string;
  FailureReason?: string;
  Url?: string;
  /** Where the token of the direct address is kept, readable by its owner alone. */
  TokenFile?: string;
  ModelName?: string;
  Workers: { Desired: number; Current: number };
  Requests: number;
  Errors4xx: number;
  Errors5xx: number;
  RequestsPerMinute: number;
  LatencyP50Ms?: number;
  LatencyP99Ms?: number;
  Sparkline: number[];
}

export interface EndpointsUpdate extends Update {
  Endpoints: EndpointCard[];
  Removed: string[];
}

export interface RequestSchema {
  /** Missing when the model was fitted on data without column names. */
  Columns?: { Name: string }[];
  ContentType: string;
  SampleRequest: string;
}

export interface Interval {
  Time: number;
  Requests: number;
  Errors: number;
  P50Ms?: number;
  P99Ms?: number;
}

export interface LibraryCheck {
  Library: string;
  Trained?: string;
  Serving?: string;
  Ok: boolean;
}

export interface SelfTest {
  /** Missing where nothing was known to send. */
  Passed?: boolean;
  Milliseconds: number;
  Message?: string;
}

/** What came of compiling the model when it was deployed. */
export interface Compilation {
  Status: 'Compiling' | 'Compiled' | 'Native';
  Message: string;
  Engine?: string;
  Speedup?: number;
  RowsChecked?: number;
}

/** The members of DescribeEndpoint that a page shows. */
export interface EndpointDescription {
  EndpointName: string;
  EndpointArn: string;
  EndpointConfigName?: string;
  ProductionVariants?: {
    VariantName: string;
    CurrentWeight?: number;
    CurrentInstanceCount?: number;
  }[];
}

export interface EndpointUpdate extends Update {
  Card?: EndpointCard;
  Endpoint?: EndpointDescription;
  Schema?: RequestSchema;
  Intervals?: Interval[];
  Checks?: LibraryCheck[];
  SelfTest?: SelfTest;
  Compilation?: Compilation;
}

export interface ComparedRow {
  Name: string;
  Values: (string | null)[];
  Differs: boolean;
}

export interface ComparedMetric {
  Name: string;
  Values: (number | null)[];
  Deltas: (number | null)[];
  BestIndex?: number | null;
}

export interface Comparison {
  Runs: { Name: string; Kind: string; Status: string; CreationTime?: number }[];
  Parameters: ComparedRow[];
  Metrics: ComparedMetric[];
  Inputs: ComparedRow[];
  Environment: ComparedRow[];
  Source: { From: string; To: string; Unified: string }[];
  Series: { Name: string; Curves: { Run: string; Steps: number[]; Values: number[] }[] }[];
}
