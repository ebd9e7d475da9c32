import { memo, type ReactNode } from 'react';
import { parseAnsi, type Span } from './ansi';
import { levelOf } from './logModel';

interface LogLineProps {
  number: number;
  /** Width of the line numbers in CSS pixels. */
  gutter: number;
  text: string;
  query: string;
  wrap: boolean;
  current: boolean;
}

export const LogLine = memo(function LogLine({
  number,
  gutter,
  text,
  query,
  wrap,
  current
}: LogLineProps): JSX.Element {
  return (
    <div
      className="jp-ml-log-line"
      data-level={levelOf(text)}
      data-wrap={wrap || undefined}
      data-current={current || undefined}
    >
      <span className="jp-ml-log-number" style={{ width: gutter }}>
        {number}
      </span>
      <span className="jp-ml-log-text">
        {parseAnsi(text).map((span, index) => (
          <span key={index} className={spanClass(span)}>
            {marked(span.text, query)}
          </span>
        ))}
      </span>
    </div>
  );
});

function spanClass(span: Span): string | undefined {
  const names = [
    span.color === undefined ? '' : `jp-ml-ansi-${span.color}`,
    span.bold ? 'jp-ml-ansi-bold' : '',
    span.dim ? 'jp-ml-ansi-dim' : ''
  ].filter(Boolean);
  return names.length ? names.join(' ') : undefined;
}

function marked(text: string, query: string): ReactNode {
  if (!query) {
    return text;
  }
  const parts: ReactNode[] = [];
  const lower = text.toLowerCase();
  const wanted = query.toLowerCase();
  let from = 0;
  for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, from)) {
    parts.push(text.slice(from, at), <mark key={at}>{text.slice(at, at + wanted.length)}</mark>);
    from = at + wanted.length;
  }
  parts.push(text.slice(from));
  return parts;
}
