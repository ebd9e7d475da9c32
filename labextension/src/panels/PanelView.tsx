import type { Target } from '../core/context';
import { assertNever } from '../core/status';
import type { EndpointsUpdate, EndpointUpdate } from '../core/types/endpoints';
import type { Comparison } from '../core/types/experiments';
import type { JobsUpdate, JobUpdate } from '../core/types/training';
import { EndpointPage, EndpointsPanel } from './endpoints';
import { ComparePage } from './experiments';
import { JobPage, JobsPanel } from './training';

/** What a kernel or a saved notebook hands over for the first paint, named as the widget's traits. */
export interface PanelState {
  panel: string;
  input: Record<string, unknown>;
  snapshot?: object;
}

export function targetOf({ panel, input }: PanelState): Target | undefined {
  const text = (key: string): string => String(input[key] ?? '');
  switch (panel) {
    case 'TrainingJobs':
    case 'Endpoints':
      return { panel };
    case 'TrainingJob':
      return { panel, name: text('TrainingJobName') };
    case 'Endpoint':
      return { panel, name: text('EndpointName') };
    case 'Compare':
      return { panel, names: Array.isArray(input['Names']) ? input['Names'].map(String) : [] };
    default:
      return undefined;
  }
}

interface PanelViewProps {
  target: Target;
  /** The answer of the panel's own read operation, as recorded. */
  snapshot?: object;
  embedded?: boolean;
}

/** The one place that knows which component shows what. */
export function PanelView({ target, snapshot, embedded }: PanelViewProps): JSX.Element {
  const kept = snapshot && Object.keys(snapshot).length > 0 ? snapshot : undefined;
  switch (target.panel) {
    case 'TrainingJobs':
      return <JobsPanel snapshot={kept as JobsUpdate | undefined} />;
    case 'TrainingJob':
      return (
        <JobPage
          key={target.name}
          name={target.name}
          snapshot={kept as JobUpdate | undefined}
          embedded={embedded}
        />
      );
    case 'Endpoints':
      return <EndpointsPanel snapshot={kept as EndpointsUpdate | undefined} />;
    case 'Endpoint':
      return (
        <EndpointPage
          key={target.name}
          name={target.name}
          snapshot={kept as EndpointUpdate | undefined}
          embedded={embedded}
        />
      );
    case 'Compare':
      return (
        <ComparePage
          names={target.names}
          snapshot={kept as Comparison | undefined}
          embedded={embedded}
        />
      );
    default:
      return assertNever(target);
  }
}
