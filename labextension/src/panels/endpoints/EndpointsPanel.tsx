import { useRef, useState } from 'react';
import { toServiceError, type ServiceError } from '../../core/client';
import { usePanel } from '../../core/context';
import { count, milliseconds, relativeTime } from '../../core/format';
import { useNow, useWatch } from '../../core/hooks';
import { endpointLook } from '../../core/status';
import type { EndpointCard, EndpointsUpdate } from '../../core/types/endpoints';
import {
  Announcer,
  ConfirmButton,
  ConnectionLine,
  EmptyState,
  ErrorNotice,
  FilterField,
  Skeleton,
  Sparkline,
  StatusIcon,
  useListKeys
} from '../../ui';
import { foldEndpoints } from './model';

const EXAMPLE = `job = ml.job("iris")
endpoint = job.deploy()
endpoint.predict(X[:5])`;

const NO_INPUT = {};
const FILTER_FROM = 6;

/** Every endpoint of the workspace, live. */
export function EndpointsPanel({ snapshot }: { snapshot?: EndpointsUpdate }): JSX.Element {
  const { state, error, retry } = useWatch('WatchEndpoints', NO_INPUT, foldEndpoints, snapshot);
  return (
    <div className="jp-ml jp-ml-list-panel">
      <ConnectionLine />
      {error && <ErrorNotice error={error} retry={retry} title="The endpoints cannot be read." />}
      {state ? (
        <Endpoints endpoints={state.endpoints} />
      ) : (
        !error && <Skeleton rows={2} height={56} />
      )}
    </div>
  );
}

function Endpoints({ endpoints }: { endpoints: EndpointCard[] }): JSX.Element {
  const { client, open } = usePanel();
  const [text, setText] = useState('');
  const [problem, setProblem] = useState<ServiceError>();
  const field = useRef<HTMLInputElement>(null);
  const now = useNow(true, 10_000);
  const wanted = text.toLowerCase();
  const shown = endpoints.filter(one =>
    `${one.EndpointName} ${one.ModelName ?? ''}`.toLowerCase().includes(wanted)
  );
  const keys = useListKeys({
    names: shown.map(endpoint => endpoint.EndpointName),
    onOpen: name => open({ panel: 'Endpoint', name }),
    letters: { '/': () => field.current?.focus() }
  });
  const remove = (name: string): void => {
    setProblem(undefined);
    client
      .call('DeleteEndpoint', { EndpointName: name })
      .catch((reason: unknown) => setProblem(toServiceError(reason)));
  };

  if (endpoints.length === 0) {
    return (
      <EmptyState
        icon="server"
        title="No endpoints"
        text="Deploy the model of a finished job and it answers requests, also after the notebook is closed."
        cells={[EXAMPLE]}
      />
    );
  }
  return (
    <>
      <Announcer
        message={endpoints
          .map(one => `${one.EndpointName} ${endpointLook(one.EndpointStatus).label}`)
          .join(', ')}
      />
      {endpoints.length >= FILTER_FROM && (
        <div className="jp-ml-list-bar">
          <FilterField
            value={text}
            placeholder="Filter endpoints"
            inputRef={field}
            onChange={setText}
          />
        </div>
      )}
      {problem && <ErrorNotice error={problem} />}
      <div role="grid" aria-label="Endpoints" className="jp-ml-rows" onKeyDown={keys.onKeyDown}>
        <div className="jp-ml-row-head jp-ml-endpoint-grid" aria-hidden="true">
          <span>Endpoint</span>
          <span>Requests</span>
          <span>Trend</span>
          <span>Median</span>
          <span>Created</span>
        </div>
        {shown.map(endpoint => (
          <EndpointRow
            key={endpoint.EndpointName}
            endpoint={endpoint}
            now={now}
            focusable={keys.active === endpoint.EndpointName}
            onFocus={() => keys.setActive(endpoint.EndpointName)}
            onOpen={() => open({ panel: 'Endpoint', name: endpoint.EndpointName })}
            onDelete={() => remove(endpoint.EndpointName)}
          />
        ))}
      </div>
      {shown.length === 0 && <p className="jp-ml-none">No endpoint matches.</p>}
    </>
  );
}

interface EndpointRowProps {
  endpoint: EndpointCard;
  now: number;
  focusable: boolean;
  onFocus(): void;
  onOpen(): void;
  onDelete(): void;
}

function EndpointRow({
  endpoint,
  now,
  focusable,
  onFocus,
  onOpen,
  onDelete
}: EndpointRowProps): JSX.Element {
  const look = endpointLook(endpoint.EndpointStatus);
  const name = endpoint.EndpointName;
  return (
    <div
      role="row"
      data-row={name}
      className="jp-ml-row jp-ml-endpoint-grid"
      tabIndex={focusable ? 0 : -1}
      aria-label={`${name}, ${look.label}`}
      onClick={onOpen}
      onFocus={onFocus}
    >
      <div role="gridcell" className="jp-ml-row-name">
        <span className="jp-ml-row-status" title={look.label}>
          <StatusIcon tone={look.tone} />
        </span>
        <span className="jp-ml-row-title">
          <strong title={name}>{name}</strong>
          <small title={endpoint.FailureReason}>
            {endpoint.FailureReason ??
              endpoint.StatusMessage ??
              (look.tone === 'ok' ? (endpoint.ModelName ?? look.label) : look.label)}
          </small>
        </span>
      </div>
      <div role="gridcell" className="jp-ml-row-objective">
        {look.tone === 'ok' && (
          <>
            <b>{count(Math.round(endpoint.RequestsPerMinute))}</b>{' '}
            <span className="jp-ml-metric-name">/ min</span>
          </>
        )}
      </div>
      <div role="gridcell" className="jp-ml-row-trend">
        <Sparkline values={endpoint.Sparkline} label="Requests" bars />
      </div>
      <div role="gridcell" className="jp-ml-row-duration">
        {endpoint.LatencyP50Ms === undefined ? '' : milliseconds(endpoint.LatencyP50Ms)}
      </div>
      <div role="gridcell" className="jp-ml-row-started">
        {relativeTime(endpoint.CreationTime, now)}
      </div>
      <div role="gridcell" className="jp-ml-row-actions">
        <ConfirmButton
          compact
          icon="trash"
          label="Delete"
          confirm="Confirm delete"
          title={`Delete ${name}`}
          onConfirm={onDelete}
        />
      </div>
    </div>
  );
}
