import type { ReactNode } from 'react';
import { usePanel, type Target } from '../core/context';
import type { StatusLook } from '../core/status';
import { StatusBadge } from './Badge';
import { CopyButton } from './Button';

/** The head of a page about one thing: its name and state, what can be done with it, and what is known. */
export function PageHeader({
  name,
  look,
  action,
  facts,
  page,
  children
}: {
  name: string;
  look: StatusLook;
  action: ReactNode;
  /** Each in an element of its own: they are told apart by a dot. */
  facts: ReactNode;
  /** Where all of it is, on a page that is embedded elsewhere. */
  page?: Target;
  children?: ReactNode;
}): JSX.Element {
  const { open } = usePanel();
  return (
    <header className="jp-ml-page-header">
      <div className="jp-ml-page-title">
        <h1>{name}</h1>
        <StatusBadge look={look} />
        <CopyButton text={name} />
        <span className="jp-ml-spring" />
        {action}
      </div>
      <p className="jp-ml-page-facts">
        {facts}
        {page && (
          <span>
            <button type="button" className="jp-ml-link" onClick={() => open(page)}>
              open page
            </button>
          </span>
        )}
      </p>
      {children}
    </header>
  );
}
