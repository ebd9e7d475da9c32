import type { ReactNode } from 'react';
import type { Connection, ServiceError } from '../core/client';
import { useConnection } from '../core/hooks';
import { usePanel } from '../core/context';
import { Button, CopyButton } from './Button';
import { Icon, type IconName } from './Icon';

export function EmptyState({
  icon,
  title,
  text,
  cells = []
}: {
  icon: IconName;
  title: string;
  text: string;
  /** Cells that show how to begin; the last is shown. */
  cells?: string[];
}): JSX.Element {
  const { insertCells } = usePanel();
  const snippet = cells.at(-1);
  return (
    <div className="jp-ml-empty">
      <span className="jp-ml-empty-icon">
        <Icon name={icon} size={20} />
      </span>
      <h3>{title}</h3>
      <p>{text}</p>
      {snippet && <Snippet code={snippet} />}
      {snippet && insertCells && (
        <Button icon="plus" onClick={() => insertCells(cells)}>
          Insert {cells.length > 1 ? 'example cells' : 'example cell'}
        </Button>
      )}
    </div>
  );
}

export function Snippet({ code }: { code: string }): JSX.Element {
  return (
    <div className="jp-ml-snippet">
      <pre tabIndex={0} aria-label="Code">
        {code}
      </pre>
      <CopyButton text={code} />
    </div>
  );
}

export function ErrorNotice({
  error,
  retry,
  title
}: {
  error: ServiceError;
  retry?(): void;
  title?: string;
}): JSX.Element {
  return (
    <div className="jp-ml-notice" data-tone="bad" role="alert">
      <Icon name="alert" />
      <div>
        {title && <strong>{title}</strong>}
        <span>{error.message}</span>
      </div>
      {retry && (
        <Button icon="refresh" onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  );
}

export function Notice({
  tone,
  children
}: {
  tone: 'bad' | 'warn' | 'info';
  children: ReactNode;
}): JSX.Element {
  return (
    <div className="jp-ml-notice" data-tone={tone}>
      <Icon name={tone === 'info' ? 'activity' : 'alert'} />
      <div>{children}</div>
    </div>
  );
}

const CONNECTION_TEXT: Record<Connection, string> = {
  connecting: '',
  live: '',
  polling: 'No live connection; asking every 2 seconds.',
  offline: 'Connection lost. Reconnecting…'
};

/** A slim line that appears while what is shown may be old, and goes by itself. */
export function ConnectionLine(): JSX.Element {
  const text = CONNECTION_TEXT[useConnection()];
  return (
    <div className="jp-ml-connection" role="status" data-shown={text !== '' || undefined}>
      {text && (
        <>
          <Icon name="refresh" size={12} />
          {text}
        </>
      )}
    </div>
  );
}

export function Skeleton({ rows, height = 44 }: { rows: number; height?: number }): JSX.Element {
  return (
    <div className="jp-ml-skeleton" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, index) => (
        <span key={index} style={{ height }} />
      ))}
    </div>
  );
}
