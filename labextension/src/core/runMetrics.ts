import type { DataClient } from './client';
import type { Calls } from './operations';
import type { Series, WireSeries } from './types/training';

/** Points of one series that are asked for: some two for each pixel of a wide chart. */
const MOST_POINTS = 2000;

/** A stretch of a curve, in steps or in seconds since 1970; an infinite end is none. */
export interface MetricRange {
  axis: 'step' | 'time';
  low: number;
  high: number;
}

/** The metrics of a run within a range, as finely as a chart can show them. */
export async function readMetrics(
  client: DataClient,
  run: string,
  names: string[],
  range: MetricRange
): Promise<Series[]> {
  const input: Calls['GetRunMetrics']['input'] = {
    RunName: run,
    Names: names,
    MaxPoints: MOST_POINTS,
    Axis: range.axis === 'time' ? 'Time' : 'Step',
    ...(Number.isFinite(range.low) && { From: range.low }),
    ...(Number.isFinite(range.high) && { To: range.high })
  };
  const answer = await client.call('GetRunMetrics', input);
  return answer.Series.map(seriesFromWire);
}

export function seriesFromWire(series: WireSeries): Series {
  return { ...series, Values: series.Values.map(value => value ?? NaN) };
}
