import { duration, percent } from '../core/format';
import type { Progress as ProgressData } from '../core/types/training';

/** What the job says of its own progress: label, place, share and the time left. */
export function progressText(progress: ProgressData): string {
  const place =
    progress.Total === undefined
      ? String(progress.Current)
      : `${progress.Current}/${progress.Total}`;
  const parts = [progress.Label ? `${progress.Label} ${place}` : place];
  if (progress.Fraction !== undefined) {
    parts.push(percent(progress.Fraction));
  }
  if (progress.EtaSeconds !== undefined && progress.Fraction !== 1) {
    parts.push(`${duration(progress.EtaSeconds)} left`);
  }
  return parts.join(' · ');
}

/** A thin bar; without a known share it moves instead of guessing one. */
export function ProgressBar({
  progress,
  label
}: {
  progress: ProgressData | undefined;
  label: string;
}): JSX.Element {
  const fraction = progress?.Fraction;
  return (
    <div
      role="progressbar"
      className="jp-ml-progress"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={fraction === undefined ? undefined : Math.round(fraction * 100)}
      aria-valuetext={progress ? progressText(progress) : undefined}
      data-indeterminate={fraction === undefined || undefined}
    >
      <span
        style={fraction === undefined ? undefined : { width: `${Math.min(100, fraction * 100)}%` }}
      />
    </div>
  );
}

/** Use of something with a limit, with both numbers beside it. */
export function Meter({
  label,
  value,
  limit,
  text
}: {
  label: string;
  value: number;
  limit?: number;
  text: string;
}): JSX.Element {
  const fraction = limit ? Math.min(1, value / limit) : undefined;
  return (
    <div
      className="jp-ml-meter"
      data-level={fraction !== undefined && fraction > 0.9 ? 'high' : undefined}
    >
      <span className="jp-ml-meter-label">{label}</span>
      <span className="jp-ml-meter-text">{text}</span>
      {fraction !== undefined && (
        <span className="jp-ml-meter-bar">
          <span style={{ width: `${fraction * 100}%` }} />
        </span>
      )}
    </div>
  );
}
