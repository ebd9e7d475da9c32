import { useMemo } from 'react';
import { useWatch } from '../../core/hooks';
import type { Watches } from '../../core/operations';
import { LogView, Section } from '../../ui';
import { LogLine } from '../../ui/LogLine';
import { gutterWidth } from '../../ui/LogView';
import { foldLog } from '../../ui/logModel';

const TAIL = 10;

function useJobLog(
  name: string
): ReturnType<typeof useWatch<'WatchLog', ReturnType<typeof foldLog>>> {
  const input = useMemo<Watches['WatchLog']['input']>(
    () => ({ ResourceType: 'TrainingJob', ResourceName: name }),
    [name]
  );
  return useWatch('WatchLog', input, foldLog);
}

export function JobLog({ name }: { name: string }): JSX.Element {
  const { state, error, retry } = useJobLog(name);
  return <LogView log={state} error={error} retry={retry} empty="Waiting for the first line…" />;
}

/** The last lines, so that a look at the page tells whether the job is alive. */
export function LogTail({ name, onOpen }: { name: string; onOpen(): void }): JSX.Element | null {
  const { state } = useJobLog(name);
  if (!state || state.lines.length === 0) {
    return null;
  }
  const from = Math.max(0, state.lines.length - TAIL);
  return (
    <Section
      title="Log"
      aside={
        <button type="button" className="jp-ml-link" onClick={onOpen}>
          {state.lines.length > TAIL
            ? `All ${state.lines.length.toLocaleString('en-US')} lines`
            : 'Open the log'}
        </button>
      }
    >
      <div className="jp-ml-log-tail">
        {state.lines.slice(from).map((line, index) => (
          <LogLine
            key={state.firstLine + from + index}
            number={state.firstLine + from + index}
            gutter={gutterWidth(state.firstLine + state.lines.length)}
            text={line}
            query=""
            wrap={false}
            current={false}
          />
        ))}
      </div>
    </Section>
  );
}
