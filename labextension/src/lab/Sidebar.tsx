import type { ReactNode } from 'react';
import { usePanel } from '../core/context';
import { useViewState } from '../core/hooks';
import { Icon } from '../ui';
import { EndpointsPanel } from '../panels/endpoints';
import { JobsPanel } from '../panels/training';

interface SidebarProps {
  running: number;
  endpoints: number;
}

export function Sidebar({ running, endpoints }: SidebarProps): JSX.Element {
  return (
    <div className="jp-ml jp-ml-side">
      <Group id="jobs" title="Jobs" count={running} countLabel="running" target="TrainingJobs">
        <JobsPanel />
      </Group>
      <Group
        id="endpoints"
        title="Endpoints"
        count={endpoints}
        countLabel="in service"
        target="Endpoints"
      >
        <EndpointsPanel />
      </Group>
    </div>
  );
}

interface GroupProps {
  id: string;
  title: string;
  count: number;
  countLabel: string;
  target: 'TrainingJobs' | 'Endpoints';
  children: ReactNode;
}

function Group({ id, title, count, countLabel, target, children }: GroupProps): JSX.Element {
  const { open: openTarget } = usePanel();
  const [open, setOpen] = useViewState<boolean>(`sidebar:${id}`, true);
  return (
    <section className="jp-ml-side-group" aria-label={title}>
      <div className="jp-ml-side-head">
        <h2>
          <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
            <Icon name={open ? 'arrowDown' : 'arrowRight'} size={14} />
            {title}
            {count > 0 && (
              <span className="jp-ml-count" title={`${count} ${countLabel}`}>
                {count}
              </span>
            )}
          </button>
        </h2>
        <button
          type="button"
          className="jp-ml-side-open"
          title={`Open ${title.toLowerCase()} in a tab`}
          aria-label={`Open ${title.toLowerCase()} in a tab`}
          onClick={() => openTarget({ panel: target })}
        >
          <Icon name="open" size={14} />
        </button>
      </div>
      {open && children}
    </section>
  );
}
