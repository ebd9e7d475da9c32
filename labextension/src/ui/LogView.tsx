import { useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { ServiceError } from '../core/client';
import { bytes } from '../core/format';
import { useViewState } from '../core/hooks';
import { LogBar } from './LogBar';
import { LogLine } from './LogLine';
import { lineAtRow, rowTops, search, type LogState } from './logModel';
import { ErrorNotice, Skeleton } from './Notice';

const ROW = 18;
const OVERSCAN = 12;
const CHARACTER = 7.225;
const PADDING = 24;

interface LogViewProps {
  log: LogState | undefined;
  error?: ServiceError;
  retry?(): void;
  empty: string;
}

/** A log of any length: only the lines in view are in the document. */
export function LogView({ log, error, retry, empty }: LogViewProps): JSX.Element {
  return (
    <div className="jp-ml-log">
      {error && <ErrorNotice error={error} retry={retry} title="The log cannot be read." />}
      {log ? <Log log={log} empty={empty} /> : !error && <Skeleton rows={8} height={12} />}
    </div>
  );
}

function Log({ log, empty }: { log: LogState; empty: string }): JSX.Element {
  const { lines, firstLine } = log;
  const [query, setQuery] = useState('');
  const [wrap, setWrap] = useViewState<boolean>('log:wrap', false);
  const [follow, setFollow] = useState(true);
  const [flashed, setFlashed] = useState<number>();
  const [view, setView] = useState({ top: 0, height: 400, width: 800 });
  const scroller = useRef<HTMLDivElement>(null);
  const gutter = gutterWidth(firstLine + lines.length);
  const columns = wrap ? Math.max(20, Math.floor((view.width - gutter - PADDING) / CHARACTER)) : 0;
  const tops = useMemo(() => rowTops(lines, columns), [lines, columns]);
  const matches = useMemo(() => search(lines, query), [lines, query]);

  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) {
      return;
    }
    const observer = new ResizeObserver(() =>
      setView(previous => ({
        ...previous,
        height: element.clientHeight,
        width: element.clientWidth
      }))
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  useLayoutEffect(() => {
    if (follow && scroller.current) {
      scroller.current.scrollTop = scroller.current.scrollHeight;
    }
  }, [follow, tops, view.height]);

  const show = (line: number): void => {
    setFollow(false);
    setFlashed(line);
    const element = scroller.current;
    if (element) {
      element.scrollTop = Math.max(0, (tops[line] ?? 0) * ROW - element.clientHeight / 3);
    }
  };
  const scrolled = (): void => {
    const element = scroller.current;
    if (element) {
      const below = element.scrollHeight - element.scrollTop - element.clientHeight;
      setView(previous => ({ ...previous, top: element.scrollTop }));
      setFollow(below < ROW * 1.5);
    }
  };

  const from = Math.max(0, lineAtRow(tops, Math.floor(view.top / ROW)) - OVERSCAN);
  const to = Math.min(
    lines.length,
    lineAtRow(tops, Math.ceil((view.top + view.height) / ROW)) + OVERSCAN
  );
  const minWidth = wrap ? undefined : gutter + PADDING + log.widest * CHARACTER;
  return (
    <>
      <LogBar
        lines={lines}
        query={query}
        matches={matches}
        firstError={log.firstError}
        ended={log.ended}
        wrap={wrap}
        follow={follow}
        onQuery={setQuery}
        onShow={show}
        onWrap={setWrap}
        onFollow={setFollow}
      />
      {log.droppedBytes > 0 && (
        <div className="jp-ml-log-dropped">
          {bytes(log.droppedBytes)} of the log were dropped, because it reached its size limit.
        </div>
      )}
      <div
        ref={scroller}
        className="jp-ml-log-scroll"
        role="log"
        aria-label="Log"
        aria-live="off"
        tabIndex={0}
        onScroll={scrolled}
      >
        {lines.length === 0 && (
          <p className="jp-ml-log-empty">{log.ended ? 'Nothing was written to the log.' : empty}</p>
        )}
        <div style={{ height: (tops[lines.length] ?? 0) * ROW, minWidth }}>
          <div style={{ transform: `translateY(${(tops[from] ?? 0) * ROW}px)` }}>
            {lines.slice(from, to).map((line, offset) => (
              <LogLine
                key={firstLine + from + offset}
                number={firstLine + from + offset}
                gutter={gutter}
                text={line}
                query={query}
                wrap={wrap}
                current={flashed === from + offset}
              />
            ))}
          </div>
        </div>
      </div>
    </>
  );
}

/** Room in CSS pixels for line numbers up to `last`. */
export function gutterWidth(last: number): number {
  return 24 + String(last).length * CHARACTER;
}
