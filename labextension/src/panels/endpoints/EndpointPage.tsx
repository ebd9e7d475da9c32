import { useMemo, useState } from 'react';
import { usePanel } from '../../core/context';
import { clockTime, count, dateTime, milliseconds, relativeTime } from '../../core/format';
import { useAction, useNow, useViewState, useWatch } from '../../core/hooks';
import { DELETED, endpointLook } from '../../core/status';
import type { Watches } from '../../core/operations';
import type { EndpointCard, EndpointUpdate } from '../../core/types/endpoints';
import {
  Announcer,
  ConfirmButton,
  ConnectionLine,
  CopyButton,
  ErrorNotice,
  LineChart,
  LogView,
  Notice,
  PageHeader,
  Skeleton,
  StatusBadge,
  Tabs,
  Tile
} from '../../ui';
import { foldLog } from '../../ui/logModel';
import { LibraryChecks } from './LibraryChecks';
import { foldEndpoint, type EndpointState } from './model';
import { TryIt } from './TryIt';

interface EndpointPageProps {
  name: string;
  snapshot?: EndpointUpdate;
  embedded?: boolean;
}

/** One endpoint: whether it answers, how fast, and a place to ask it. */
export function EndpointPage({ name, snapshot, embedded = false }: EndpointPageProps): JSX.Element {
  const [input] = useState({ EndpointName: name });
  const { state, error, retry } = useWatch('WatchEndpoint', input, foldEndpoint, snapshot);
  if (state?.card && error?.isNotFound) {
    return <DeletedEndpoint card={state.card} embedded={embedded} />;
  }
  return (
    <article
      className="jp-ml jp-ml-page"
      data-embedded={embedded || undefined}
      aria-label={`Endpoint ${name}`}
    >
      <ConnectionLine />
      {error && <ErrorNotice error={error} retry={retry} title={`${name} cannot be read.`} />}
      {state?.card ? (
        <EndpointBody name={name} state={state} card={state.card} embedded={embedded} />
      ) : (
        !error && <Skeleton rows={4} height={56} />
      )}
    </article>
  );
}

/** An endpoint that went while somebody looked, or that a saved notebook still shows. */
function DeletedEndpoint({
  card,
  embedded
}: {
  card: EndpointCard;
  embedded: boolean;
}): JSX.Element {
  const name = card.EndpointName;
  return (
    <article
      className="jp-ml jp-ml-page"
      data-embedded={embedded || undefined}
      aria-label={`Endpoint ${name}`}
    >
      <Announcer message={`${name} deleted`} />
      <header className="jp-ml-page-header">
        <div className="jp-ml-page-title">
          <h1>{name}</h1>
          <StatusBadge look={DELETED} />
        </div>
        <p className="jp-ml-page-facts">{card.ModelName && <span>{card.ModelName}</span>}</p>
        <p className="jp-ml-hint">
          The endpoint was deleted and answers no more.
          {card.ModelName && (
            <>
              {' '}
              <code>
                ml.job(&quot;{card.ModelName}&quot;).deploy(&quot;{name}&quot;)
              </code>{' '}
              brings it back.
            </>
          )}
        </p>
      </header>
    </article>
  );
}

function EndpointBody({
  name,
  state,
  card,
  embedded
}: {
  name: string;
  state: EndpointState;
  card: EndpointCard;
  embedded: boolean;
}): JSX.Element {
  const [tab, setTab] = useViewState<string>(`endpoint:${name}:tab`, 'try');
  const look = endpointLook(card.EndpointStatus);
  return (
    <>
      <Announcer message={`${name} ${look.label}`} />
      <EndpointHeader card={card} embedded={embedded} />
      {card.StatusMessage && <Notice tone="info">{card.StatusMessage}</Notice>}
      {card.FailureReason && <Notice tone="bad">{card.FailureReason}</Notice>}
      <Tabs
        label={name}
        tabs={[
          { id: 'try', label: 'Try it' },
          { id: 'traffic', label: 'Traffic' },
          { id: 'checks', label: 'Checks', alert: state.checks.some(check => !check.Ok) },
          { id: 'log', label: 'Log' }
        ]}
        selected={tab}
        onSelect={setTab}
      >
        {tab === 'try' && <TryIt card={card} schema={state.schema} />}
        {tab === 'traffic' && <Traffic state={state} />}
        {tab === 'checks' && (
          <LibraryChecks
            checks={state.checks}
            selfTest={state.selfTest}
            compilation={state.compilation}
          />
        )}
        {tab === 'log' && <EndpointLog name={name} />}
      </Tabs>
    </>
  );
}

function EndpointHeader({
  card,
  embedded
}: {
  card: EndpointCard;
  embedded: boolean;
}): JSX.Element {
  const { client } = usePanel();
  const now = useNow(true, 10_000);
  const name = card.EndpointName;
  const remove = useAction(async () => {
    await client.call('DeleteEndpoint', { EndpointName: name });
  });
  return (
    <PageHeader
      name={name}
      look={endpointLook(card.EndpointStatus)}
      page={embedded ? { panel: 'Endpoint', name } : undefined}
      action={
        card.EndpointStatus !== 'Deleting' && (
          <ConfirmButton
            icon="trash"
            label="Delete"
            confirm="Confirm delete"
            busy={remove.busy}
            onConfirm={remove.run}
          />
        )
      }
      facts={
        <>
          {card.ModelName && <span>{card.ModelName}</span>}
          <span title={dateTime(card.CreationTime)}>{relativeTime(card.CreationTime, now)}</span>
          {card.Url && (
            <span className="jp-ml-url">
              <code>{card.Url}</code>
              <CopyButton text={card.Url} />
            </span>
          )}
        </>
      }
    >
      {remove.error && <ErrorNotice error={remove.error} title="The endpoint was not deleted." />}
      <EndpointTiles card={card} />
    </PageHeader>
  );
}

function EndpointTiles({ card }: { card: EndpointCard }): JSX.Element {
  const errors = card.Errors4xx + card.Errors5xx;
  const { Current: current, Desired: desired } = card.Workers;
  return (
    <div className="jp-ml-tiles">
      <Tile
        label="Requests"
        value={count(card.Requests)}
        note={`${count(Math.round(card.RequestsPerMinute))} / min`}
      />
      <Tile
        label="Median latency"
        value={milliseconds(card.LatencyP50Ms)}
        note={`99 %: ${milliseconds(card.LatencyP99Ms)}`}
      />
      <Tile
        label="Errors"
        value={count(errors)}
        tone={card.Errors5xx > 0 ? 'bad' : undefined}
        note={
          errors
            ? `${count(card.Errors4xx)} caller · ${count(card.Errors5xx)} model`
            : 'none so far'
        }
      />
      <Tile
        label="Workers"
        value={`${current} / ${desired}`}
        tone={current < desired ? 'bad' : undefined}
        note={workersNote(current, desired)}
      />
    </div>
  );
}

function workersNote(current: number, desired: number): string {
  return desired === 0 ? 'none' : current < desired ? 'starting' : 'all up';
}

function Traffic({ state }: { state: EndpointState }): JSX.Element {
  const { intervals } = state;
  if (intervals.length === 0) {
    return (
      <div className="jp-ml-main">
        <p className="jp-ml-hint">No request yet.</p>
      </div>
    );
  }
  const xs = intervals.map(interval => interval.Time);
  const values = (read: (one: (typeof intervals)[number]) => number | undefined): number[] =>
    intervals.map(one => read(one) ?? NaN);
  return (
    <div className="jp-ml-main">
      <div className="jp-ml-charts">
        <LineChart
          title="Latency"
          curves={[
            { name: 'median', xs, ys: values(one => one.P50Ms), color: 0 },
            { name: '99 %', xs, ys: values(one => one.P99Ms), color: 1 }
          ]}
          fromZero
          timeAxis
          formatX={clockTime}
          formatY={milliseconds}
        />
        <LineChart
          title="Requests"
          curves={[
            { name: 'requests', xs, ys: values(one => one.Requests), color: 0 },
            { name: 'errors', xs, ys: values(one => one.Errors), color: 3 }
          ]}
          fromZero
          timeAxis
          formatX={clockTime}
          formatY={count}
        />
      </div>
    </div>
  );
}

function EndpointLog({ name }: { name: string }): JSX.Element {
  const input = useMemo<Watches['WatchLog']['input']>(
    () => ({ ResourceType: 'Endpoint', ResourceName: name }),
    [name]
  );
  const { state, error, retry } = useWatch('WatchLog', input, foldLog);
  return (
    <LogView
      log={state}
      error={error}
      retry={retry}
      empty="The model server has written nothing yet."
    />
  );
}
