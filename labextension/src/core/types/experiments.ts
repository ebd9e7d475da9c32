/** Runs side by side, as the operation that compares them answers. */

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
