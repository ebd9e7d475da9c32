import { useState } from 'react';
import { memory } from '../../core/format';
import type { Failure, Frame } from '../../core/types/training';
import { Button, CopyButton, Icon, Meter } from '../../ui';
import { LogLine } from '../../ui/LogLine';

const CONTEXT = 3;
const TAIL = 12;

/** Why the job failed: the exception, the line of the cell, what to do, and the evidence. */
export function FailureCard({ failure, onLog }: { failure: Failure; onLog(): void }): JSX.Element {
  const [all, setAll] = useState(false);
  const own = failure.Frames.filter(frame => frame.InCell);
  const frames = all || own.length === 0 ? failure.Frames : own;
  const hidden = failure.Frames.length - frames.length;
  const culprit = own.at(-1);
  return (
    <section className="jp-ml-failure" role="alert" aria-label="Why it failed">
      <header>
        <Icon name="alert" />
        <div>
          <h2>
            {failure.ExceptionType ?? failure.Reason}
            {culprit && <span> in line {culprit.Line} of the cell</span>}
          </h2>
          <p>{plainMessage(failure)}</p>
        </div>
        <CopyButton text={() => asText(failure)} label="Copy" />
      </header>
      {failure.Advice && <p className="jp-ml-advice">{failure.Advice}</p>}
      <Evidence failure={failure} />
      {culprit && failure.Source.length > 0 && (
        <SourceLines source={failure.Source} line={culprit.Line} />
      )}
      {frames.length > (culprit && failure.Source.length > 0 ? 1 : 0) && (
        <ol className="jp-ml-frames" aria-label="Traceback, innermost last">
          {frames.map((frame, index) => (
            <FrameLine key={index} frame={frame} />
          ))}
        </ol>
      )}
      {failure.LogTail.length > 0 && (
        <details>
          <summary>Last {Math.min(TAIL, failure.LogTail.length)} log lines</summary>
          <div className="jp-ml-log-tail">
            {failure.LogTail.slice(-TAIL).map((line, index) => (
              <LogLine
                key={index}
                number={index + 1}
                gutter={0}
                text={line}
                query=""
                wrap
                current={false}
              />
            ))}
          </div>
        </details>
      )}
      <footer>
        {hidden > 0 && (
          <Button look="quiet" onClick={() => setAll(true)}>
            Show {hidden} library {hidden === 1 ? 'frame' : 'frames'}
          </Button>
        )}
        <Button look="quiet" onClick={onLog}>
          Open the log
        </Button>
      </footer>
    </section>
  );
}

function Evidence({ failure }: { failure: Failure }): JSX.Element | null {
  const exit =
    failure.Signal !== undefined && failure.Signal !== null
      ? `ended by signal ${failure.Signal}`
      : failure.ExitCode !== undefined && failure.ExitCode !== null
        ? `exit code ${failure.ExitCode}`
        : undefined;
  if (failure.PeakMemoryMb === undefined && !exit) {
    return null;
  }
  return (
    <div className="jp-ml-evidence">
      {failure.PeakMemoryMb !== undefined && (
        <Meter
          label="Peak memory"
          value={failure.PeakMemoryMb}
          limit={failure.MemoryLimitMb}
          text={`${memory(failure.PeakMemoryMb)}${failure.MemoryLimitMb ? ` of ${memory(failure.MemoryLimitMb)}` : ''}`}
        />
      )}
      {exit && <span className="jp-ml-exit">{exit}</span>}
    </div>
  );
}

function SourceLines({ source, line }: { source: Failure['Source']; line: number }): JSX.Element {
  const near = source.filter(one => Math.abs(one.Number - line) <= CONTEXT);
  return (
    <pre className="jp-ml-source" tabIndex={0} aria-label={`The cell around line ${line}`}>
      {near.map(one => (
        <span key={one.Number} data-current={one.Number === line || undefined}>
          <i>{one.Number}</i>
          {one.Text}
          {'\n'}
        </span>
      ))}
    </pre>
  );
}

function FrameLine({ frame }: { frame: Frame }): JSX.Element {
  return (
    <li data-own={frame.InCell || undefined}>
      <span className="jp-ml-frame-where">
        {frame.InCell ? 'cell' : shortFile(frame.File)}:{frame.Line}
        {frame.Function && frame.Function !== '<module>' ? ` in ${frame.Function}` : ''}
      </span>
      {frame.Code && <code>{frame.Code.trim()}</code>}
    </li>
  );
}

function shortFile(file: string): string {
  return file.replace(/^.*site-packages\//, '').replace(/^.*\/lib\/python[\d.]+\//, '');
}

/** The message without the name of its exception, which stands above it. */
function plainMessage({ ExceptionType: type, Message: message }: Failure): string {
  return type && message.startsWith(`${type}:`) ? message.slice(type.length + 1).trim() : message;
}

function asText(failure: Failure): string {
  const frames = failure.Frames.map(
    frame => `  ${frame.File}:${frame.Line} in ${frame.Function}\n    ${frame.Code ?? ''}`
  );
  const head = [failure.ExceptionType, plainMessage(failure)].filter(Boolean).join(': ');
  return [head, ...frames, ...(failure.Advice ? [failure.Advice] : []), ...failure.LogTail].join(
    '\n'
  );
}
