import { useId, useMemo, useState, type KeyboardEvent } from 'react';
import { ServiceError, toServiceError } from '../../core/client';
import { usePanel } from '../../core/context';
import { bytes, milliseconds } from '../../core/format';
import type { EndpointCard, RequestSchema } from '../../core/types/endpoints';
import { Button, CopyButton, ErrorNotice, Icon, Segments } from '../../ui';
import { curlCommand, pretty, sampleForm, type SampleForm } from './model';

const VIEWS = [
  { id: 'form', label: 'Form' },
  { id: 'raw', label: 'Raw' }
] as const;

const NO_SCHEMA: RequestSchema = {
  Columns: [],
  ContentType: 'application/json',
  SampleRequest: ''
};

interface Answer {
  body: string;
  contentType: string;
  milliseconds: number;
}

/** A form to ask the endpoint, filled with its sample. */
export function TryIt({
  card,
  schema
}: {
  card: EndpointCard;
  schema: RequestSchema | undefined;
}): JSX.Element {
  const { client } = usePanel();
  const known = schema ?? NO_SCHEMA;
  const [edited, setEdited] = useState<string>();
  const [view, setView] = useState<'form' | 'raw'>('form');
  const [busy, setBusy] = useState(false);
  const [answer, setAnswer] = useState<Answer>();
  const [error, setError] = useState<ServiceError>();
  const body = edited ?? known.SampleRequest;
  const form = useMemo(() => sampleForm(known, body), [known, body]);
  const refused = error?.original;
  const ready = card.EndpointStatus === 'InService' || card.EndpointStatus === 'Updating';

  const send = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    const started = performance.now();
    try {
      const output = await client.call('InvokeEndpoint', {
        EndpointName: card.EndpointName,
        Body: body,
        ContentType: known.ContentType,
        Accept: 'application/json'
      });
      setAnswer({
        body: output.Body,
        contentType: output.ContentType,
        milliseconds: performance.now() - started
      });
    } catch (problem) {
      setAnswer(undefined);
      setError(toServiceError(problem));
    } finally {
      setBusy(false);
    }
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && ready && !busy) {
      event.preventDefault();
      event.stopPropagation();
      void send();
    }
  };

  return (
    <div className="jp-ml-try" onKeyDown={onKeyDown}>
      <div className="jp-ml-try-request">
        <header>
          <h2>Request</h2>
          <code>{known.ContentType}</code>
          <span className="jp-ml-spring" />
          {edited !== undefined && edited !== known.SampleRequest && (
            <Button look="quiet" icon="refresh" onClick={() => setEdited(undefined)}>
              Sample
            </Button>
          )}
          {form && (
            <Segments
              label="Request as"
              options={VIEWS}
              selected={view}
              onSelect={next => setView(next)}
            />
          )}
        </header>
        {form && view === 'form' ? (
          <Fields form={form} onChange={setEdited} />
        ) : (
          <Raw value={body} onChange={setEdited} />
        )}
        <footer>
          <Button
            look="primary"
            icon="play"
            disabled={!ready || busy || body === ''}
            title="Send (Ctrl Enter)"
            onClick={() => void send()}
          >
            {busy ? 'Sending…' : 'Send'}
          </Button>
          {card.Url && (
            <CopyButton
              text={() => curlCommand(card, known.ContentType, body)}
              label="Copy as curl"
            />
          )}
          {!ready && (
            <small>
              The endpoint does not answer{card.EndpointStatus === 'Failed' ? '' : ' yet'}.
            </small>
          )}
        </footer>
      </div>
      <div className="jp-ml-try-response" aria-live="polite">
        <header>
          <h2>Response</h2>
          {refused && (
            <span className="jp-ml-badge" data-tone="bad">
              {refused.status}
            </span>
          )}
          {answer && (
            <>
              <span className="jp-ml-badge" data-tone="ok">
                200
              </span>
              <small>
                {milliseconds(answer.milliseconds)} · {bytes(answer.body.length)}
              </small>
              <span className="jp-ml-spring" />
              <CopyButton text={answer.body} />
            </>
          )}
        </header>
        {error && (
          <ErrorNotice error={refused ? new ServiceError(error.code, refused.message) : error} />
        )}
        {answer && <pre tabIndex={0}>{pretty(answer.body)}</pre>}
        {!answer && !error && (
          <p className="jp-ml-try-empty">
            <Icon name="play" size={18} />
            Send the sample to see what the model answers.
          </p>
        )}
      </div>
    </div>
  );
}

function Fields({
  form,
  onChange
}: {
  form: SampleForm;
  onChange(body: string): void;
}): JSX.Element {
  const id = useId();
  return (
    <div className="jp-ml-try-fields">
      {form.columns.map((column, index) => (
        <div key={column}>
          <label htmlFor={`${id}-${index}`} title={column}>
            {column}
          </label>
          <input
            id={`${id}-${index}`}
            value={form.values[index] ?? ''}
            spellCheck={false}
            onChange={event => onChange(form.write(form.values.with(index, event.target.value)))}
          />
        </div>
      ))}
    </div>
  );
}

function Raw({ value, onChange }: { value: string; onChange(body: string): void }): JSX.Element {
  return (
    <textarea
      className="jp-ml-try-raw"
      aria-label="Request body"
      value={value}
      spellCheck={false}
      onChange={event => onChange(event.target.value)}
    />
  );
}
