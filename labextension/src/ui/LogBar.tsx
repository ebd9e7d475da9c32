import { useState } from 'react';
import { count } from '../core/format';
import { stripAnsi } from './ansi';
import { Button, CopyButton } from './Button';
import { FilterField } from './Fields';

interface LogBarProps {
  lines: string[];
  query: string;
  /** Indexes of the lines that match the query. */
  matches: number[];
  firstError: number;
  /** Nothing more will come. */
  ended: boolean;
  wrap: boolean;
  follow: boolean;
  onQuery(query: string): void;
  onShow(line: number): void;
  onWrap(wrap: boolean): void;
  onFollow(follow: boolean): void;
}

export function LogBar(props: LogBarProps): JSX.Element {
  const { lines, query, matches, firstError, ended, wrap, follow } = props;
  const { onQuery, onShow, onWrap, onFollow } = props;
  const [current, setCurrent] = useState(-1);
  const step = (by: number): void => {
    const start = current < 0 && by < 0 ? 0 : current;
    const next = (start + by + matches.length) % matches.length;
    const line = matches[next];
    if (line !== undefined) {
      setCurrent(next);
      onShow(line);
    }
  };
  return (
    <div className="jp-ml-log-bar" role="toolbar" aria-label="Log">
      <div
        className="jp-ml-log-search"
        onKeyDown={event => {
          if (event.key === 'Enter') {
            event.preventDefault();
            step(event.shiftKey ? -1 : 1);
          }
        }}
      >
        <FilterField
          value={query}
          placeholder="Search the log"
          onChange={value => {
            onQuery(value);
            setCurrent(-1);
          }}
        />
        {query && (
          <span className="jp-ml-log-matches" role="status">
            {matches.length === 0
              ? ended
                ? 'No match'
                : 'No match so far'
              : current < 0
                ? `${count(matches.length)} matches`
                : `${current + 1} of ${count(matches.length)}`}
          </span>
        )}
        {matches.length > 0 && (
          <>
            <Button
              look="quiet"
              icon="arrowUp"
              title="Previous match (Shift Enter)"
              onClick={() => step(-1)}
            />
            <Button
              look="quiet"
              icon="arrowDown"
              title="Next match (Enter)"
              onClick={() => step(1)}
            />
          </>
        )}
      </div>
      {firstError >= 0 && (
        <Button
          look="quiet"
          icon="alert"
          title="Jump to the first error"
          onClick={() => onShow(firstError)}
        >
          First error
        </Button>
      )}
      <span className="jp-ml-spring" />
      <Button
        look="quiet"
        icon="wrap"
        title="Wrap long lines"
        pressed={wrap}
        onClick={() => onWrap(!wrap)}
      />
      <Button
        look="quiet"
        icon="bottom"
        title="Follow the end"
        pressed={follow}
        onClick={() => onFollow(!follow)}
      />
      <CopyButton text={() => lines.map(stripAnsi).join('\n')} />
    </div>
  );
}
