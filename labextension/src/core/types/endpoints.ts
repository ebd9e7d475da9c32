/** Endpoints as the operations tell of them, as the service model spells it. Times are epoch seconds. */

import type { Update } from './stream';

export type EndpointStatus =
  | 'Creating'
  | 'InService'
  | 'Updating'
  | 'SystemUpdating'
  | 'RollingBack'
  | 'Deleting'
  | 'Failed'
  | 'OutOfService';

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

export interface Compilation {
  Status: 'Compiling' | 'Compiled' | 'Native';
  Message: string;
  Engine?: string;
  Speedup?: number;
  RowsChecked?: number;
}

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
