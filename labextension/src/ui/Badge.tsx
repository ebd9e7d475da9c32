import { assertNever, type StatusLook, type Tone } from '../core/status';

/** The status as a shape, so that colour is never the only carrier. */
export function StatusIcon({ tone, size = 14 }: { tone: Tone; size?: number }): JSX.Element {
  return (
    <span className="jp-ml-status-icon" data-tone={tone} style={{ width: size, height: size }}>
      {shape(tone, size)}
    </span>
  );
}

function shape(tone: Tone, size: number): JSX.Element {
  switch (tone) {
    case 'running':
      return (
        <svg viewBox="0 0 16 16" width={size} height={size} aria-hidden="true">
          <circle className="jp-ml-spin-track" cx="8" cy="8" r="6" />
          <circle className="jp-ml-spin" cx="8" cy="8" r="6" />
        </svg>
      );
    case 'queued':
      return (
        <svg viewBox="0 0 16 16" width={size} height={size} aria-hidden="true">
          <circle className="jp-ml-dashed" cx="8" cy="8" r="6" />
        </svg>
      );
    case 'ok':
      return <Filled size={size} mark="m5 8.2 2 2 4-4.2" />;
    case 'bad':
      return <Filled size={size} mark="m5.6 5.6 4.8 4.8m0-4.8-4.8 4.8" />;
    case 'warn':
      return <Filled size={size} mark="M8 4.6v4m0 2.6v.2" />;
    case 'stopped':
      return <Filled size={size} mark="M6 6h4v4H6z" />;
    default:
      return assertNever(tone);
  }
}

function Filled({ size, mark }: { size: number; mark: string }): JSX.Element {
  return (
    <svg viewBox="0 0 16 16" width={size} height={size} aria-hidden="true">
      <circle className="jp-ml-disc" cx="8" cy="8" r="7" />
      <path className="jp-ml-mark" d={mark} />
    </svg>
  );
}

export function StatusBadge({ look }: { look: StatusLook }): JSX.Element {
  return (
    <span className="jp-ml-badge" data-tone={look.tone}>
      <StatusIcon tone={look.tone} size={12} />
      {look.label}
    </span>
  );
}
