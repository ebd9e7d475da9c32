import { act, fireEvent, screen, within } from '@testing-library/react';
import { expect, test } from 'vitest';
import { errorFromWire, ServiceError } from '../../src/core/client';
import { EndpointPage } from '../../src/panels/endpoints';
import { LibraryChecks } from '../../src/panels/endpoints/LibraryChecks';
import { ComparePage } from '../../src/panels/experiments';
import { JobPage, JobsPanel } from '../../src/panels/training';
import { JOB_UPDATE, JOBS_UPDATE, LOG_LINES, logUpdate } from '../gallery/data';
import { FAILED_UPDATE } from '../gallery/failed';
import { ScriptedClient } from '../gallery/scripted';
import { COLUMNS, COMPARISON, ENDPOINTS, SAMPLE } from '../gallery/serving';
import { mount } from './mount';

const once = (output: object) => (push: (output: object) => void) => {
  push(output);
  return undefined;
};

const withJobs = (answers = {}) =>
  new ScriptedClient({ WatchTrainingJobs: once(JOBS_UPDATE) }, answers);

test('the list is walked, selected and compared by keyboard', () => {
  const { open } = mount(<JobsPanel />, withJobs());
  const grid = screen.getByRole('grid', { name: 'Training jobs' });
  const rows = within(grid).getAllByRole('row');
  act(() => rows[0]?.focus());
  fireEvent.keyDown(rows[0] as HTMLElement, { key: ' ' });
  fireEvent.keyDown(rows[0] as HTMLElement, { key: 'ArrowDown' });
  expect(document.activeElement).toBe(rows[1]);
  fireEvent.keyDown(rows[1] as HTMLElement, { key: ' ' });
  fireEvent.keyDown(rows[1] as HTMLElement, { key: 'c' });
  expect(open).toHaveBeenCalledWith({
    panel: 'Compare',
    names: ['digits-cnn-13', 'digits-cnn-12']
  });
  fireEvent.keyDown(rows[1] as HTMLElement, { key: 'Enter' });
  expect(open).toHaveBeenLastCalledWith({ panel: 'TrainingJob', name: 'digits-cnn-12' });
});

test('stopping takes two presses, by mouse and by keyboard', () => {
  const client = withJobs({ StopTrainingJob: () => ({}) });
  mount(<JobsPanel />, client);
  fireEvent.click(screen.getByRole('button', { name: 'Stop cancer-4' }));
  expect(client.calls).toEqual([]);
  fireEvent.click(screen.getByRole('button', { name: 'Confirm stop' }));
  expect(client.calls).toEqual([
    { operation: 'StopTrainingJob', input: { TrainingJobName: 'cancer-4' } }
  ]);
  const row = screen.getByRole('row', { name: /digits-cnn-12/ });
  act(() => row.focus());
  fireEvent.keyDown(row, { key: 's' });
  expect(client.calls).toHaveLength(1);
  fireEvent.keyDown(row, { key: 's' });
  expect(client.calls).toHaveLength(2);
});

test('the filter narrows the list and / reaches it', () => {
  mount(<JobsPanel />, withJobs());
  fireEvent.keyDown(screen.getByRole('grid', { name: 'Training jobs' }), { key: '/' });
  const field = screen.getByLabelText('Filter jobs');
  expect(document.activeElement).toBe(field);
  fireEvent.change(field, { target: { value: 'churn' } });
  expect(screen.getAllByRole('row')).toHaveLength(1);
});

test('an empty workspace shows a snippet to copy', () => {
  const empty = { ...JOBS_UPDATE, Jobs: [] };
  mount(<JobsPanel />, new ScriptedClient({ WatchTrainingJobs: once(empty) }));
  expect(screen.getByText(/%%ml train --name iris/)).toBeTruthy();
});

test('an error names the cause and offers to try again', () => {
  const client = new ScriptedClient({});
  mount(<JobsPanel />, client);
  act(() =>
    client.fail(
      'WatchTrainingJobs',
      new ServiceError('AccessDenied', 'The user may not read jobs.')
    )
  );
  expect(screen.getByRole('alert').textContent).toContain('The user may not read jobs.');
  expect(screen.getByRole('button', { name: 'Try again' })).toBeTruthy();
});

test('a lost connection is said and taken back', () => {
  const client = withJobs();
  mount(<JobsPanel />, client);
  act(() => client.connection.set('offline'));
  expect(screen.getByText('Connection lost. Reconnecting…')).toBeTruthy();
  act(() => client.connection.set('live'));
  expect(screen.queryByText('Connection lost. Reconnecting…')).toBeNull();
});

test('the page of a job draws new points as they come', () => {
  const client = new ScriptedClient({
    WatchTrainingJob: once(JOB_UPDATE),
    WatchLog: once(logUpdate(LOG_LINES))
  });
  mount(<JobPage name="cancer-4" />, client);
  const chart = () => screen.getByRole('img', { name: /^auc\./ }).getAttribute('aria-label');
  expect(chart()).toContain('train: 124 points');
  act(() =>
    client.push('WatchTrainingJob', {
      Cursor: '2',
      Reset: false,
      Ended: false,
      Series: [
        {
          Name: 'train:auc',
          Steps: [124],
          Times: [JOBS_UPDATE.Jobs[0]?.CreationTime ?? 0],
          Values: [0.9999]
        }
      ]
    })
  );
  expect(chart()).toContain('train: 125 points');
});

test('a snapshot is shown before anything is answered', () => {
  mount(<JobPage name="cancer-4" snapshot={JOB_UPDATE} />, new ScriptedClient({}));
  expect(screen.getByRole('heading', { name: 'cancer-4' })).toBeTruthy();
});

test('the failure card names the exception, the line of the cell and the advice', () => {
  mount(<JobPage name="cancer-2" />, new ScriptedClient({ WatchTrainingJob: once(FAILED_UPDATE) }));
  const card = screen.getByRole('alert', { name: 'Why it failed' });
  expect(card.textContent).toContain('KeyError in line 3 of the cell');
  expect(card.textContent).toContain('nearest name is `targets`');
  expect(card.querySelector('[data-current]')?.textContent).toContain('train["target"]');
  expect(within(card).queryByText(/raise KeyError/)).toBeNull();
  fireEvent.click(within(card).getByRole('button', { name: 'Show 2 library frames' }));
  expect(within(card).getByText(/raise KeyError/)).toBeTruthy();
});

test('a log of 100,000 lines puts only what is in view into the document', () => {
  const lines = Array.from({ length: 100_000 }, (_, index) => `step ${index}`);
  const client = new ScriptedClient({
    WatchTrainingJob: once(JOB_UPDATE),
    WatchLog: once(logUpdate(lines))
  });
  const { container } = mount(<JobPage name="cancer-4" />, client);
  fireEvent.click(screen.getByRole('tab', { name: 'Log' }));
  expect(container.querySelectorAll('.jp-ml-log-line').length).toBeLessThan(100);
  fireEvent.change(screen.getByLabelText('Search the log'), { target: { value: 'step 9999' } });
  expect(screen.getByText('11 matches')).toBeTruthy();
});

const endpointClient = (answers = {}) =>
  new ScriptedClient(
    {
      WatchEndpoint: once({
        Cursor: '1',
        Reset: true,
        Card: ENDPOINTS[0],
        Schema: {
          Columns: COLUMNS.map(Name => ({ Name })),
          ContentType: 'application/json',
          SampleRequest: SAMPLE
        }
      })
    },
    answers
  );

test('a request is sent as the fields say', async () => {
  const client = endpointClient({
    InvokeEndpoint: () => ({ Body: '{"predictions":[1]}', ContentType: 'application/json' })
  });
  mount(<EndpointPage name="cancer" />, client);
  fireEvent.change(screen.getByLabelText('mean radius'), { target: { value: '20.5' } });
  fireEvent.click(screen.getByRole('button', { name: /Send/ }));
  expect(await screen.findByText('{"predictions":[1]}')).toBeTruthy();
  expect(JSON.stringify(client.calls[0]?.input)).toContain('20.5');
});

test('a refused request shows the words of the endpoint', async () => {
  const client = endpointClient({
    InvokeEndpoint: () => {
      throw new ServiceError('ValidationError', 'The request has no column "mean radius".');
    }
  });
  mount(<EndpointPage name="cancer" />, client);
  fireEvent.click(screen.getByRole('button', { name: /Send/ }));
  expect((await screen.findByRole('alert')).textContent).toContain('no column "mean radius"');
});

test('a comparison shows only what differs until asked', async () => {
  mount(
    <ComparePage names={['cancer-3', 'cancer-4']} />,
    new ScriptedClient({}, { CompareRuns: () => COMPARISON })
  );
  expect(await screen.findByText('depth')).toBeTruthy();
  expect(screen.queryByText('subsample')).toBeNull();
  fireEvent.click(screen.getByRole('switch', { name: 'Only differences' }));
  expect(screen.getByText('subsample')).toBeTruthy();
});

test('another baseline moves the deltas', async () => {
  mount(
    <ComparePage names={['cancer-3', 'cancer-4']} />,
    new ScriptedClient({}, { CompareRuns: () => COMPARISON })
  );
  expect(await screen.findByText('+0.0041')).toBeTruthy();
  fireEvent.click(screen.getAllByRole('button', { name: 'use as baseline' })[0] as HTMLElement);
  expect(screen.getByText('−0.0041')).toBeTruthy();
});

test('a deleted endpoint says so and offers nothing that needs it', () => {
  const client = endpointClient();
  mount(<EndpointPage name="cancer" />, client);
  act(() =>
    client.fail('WatchEndpoint', new ServiceError('ValidationException', 'Could not find it.'))
  );
  expect(screen.getByText('Deleted')).toBeTruthy();
  expect(screen.getByText(/was deleted/)).toBeTruthy();
  expect(screen.queryByRole('alert')).toBeNull();
  expect(screen.queryByRole('button', { name: 'Delete' })).toBeNull();
  expect(screen.queryByRole('button', { name: /Send/ })).toBeNull();
});

test('a deleted job keeps what was last seen and says that it is gone', () => {
  const client = new ScriptedClient({ WatchTrainingJob: once(JOB_UPDATE) });
  mount(<JobPage name="cancer-4" />, client);
  act(() => client.fail('WatchTrainingJob', new ServiceError('ResourceNotFound', 'No such job.')));
  expect(screen.getByText(/was deleted/)).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'Stop' })).toBeNull();
  expect(screen.queryByRole('progressbar')).toBeNull();
  expect(screen.getByRole('heading', { name: 'cancer-4' })).toBeTruthy();
});

test('what the model server refuses is shown with its status and without the envelope', async () => {
  const client = endpointClient({
    InvokeEndpoint: () => {
      throw errorFromWire({
        __type: 'ModelError',
        message: 'Received client error (400) from primary with message "No column x.".',
        OriginalStatusCode: 400,
        OriginalMessage: 'No column x.'
      });
    }
  });
  mount(<EndpointPage name="cancer" />, client);
  fireEvent.click(screen.getByRole('button', { name: /Send/ }));
  expect((await screen.findByRole('alert')).textContent).toBe('No column x.');
  expect(screen.getByText('400')).toBeTruthy();
});

test('a field keeps the type of the sample whatever was typed in between', async () => {
  const client = endpointClient({
    InvokeEndpoint: () => ({ Body: '{}', ContentType: 'application/json' })
  });
  mount(<EndpointPage name="cancer" />, client);
  const field = screen.getByLabelText('mean radius');
  fireEvent.change(field, { target: { value: 'abc' } });
  fireEvent.change(field, { target: { value: '12' } });
  fireEvent.click(screen.getByRole('button', { name: /Send/ }));
  expect(await screen.findByText('{}')).toBeTruthy();
  const { Body } = client.calls[0]?.input as { Body: string };
  expect((JSON.parse(Body) as { data: unknown[][] }).data[0]?.[0]).toBe(12);
});

test('a self-test that could not run is no failure', () => {
  const selfTest = { Milliseconds: 0, Message: 'not run: no sample row is known' };
  mount(<LibraryChecks checks={[]} selfTest={selfTest} />, new ScriptedClient({}));
  expect(screen.queryByText(/Failed/)).toBeNull();
  expect(screen.getByText('Not run: no sample row is known')).toBeTruthy();
});

const ended = (status: string, changes = {}) =>
  new ScriptedClient({
    WatchTrainingJob: once({
      ...JOB_UPDATE,
      Series: [],
      Progress: undefined,
      Card: {
        ...JOB_UPDATE.Card,
        Objective: undefined,
        Progress: undefined,
        TrainingJobStatus: 'Stopped',
        SecondaryStatus: status
      },
      TrainingJob: { ...JOB_UPDATE.TrainingJob, StoppingCondition: { MaxRuntimeInSeconds: 30 } },
      ...changes
    })
  });

test('a job that ran out of time says so, with the limit', () => {
  mount(<JobPage name="cancer-4" />, ended('MaxRuntimeExceeded'));
  expect(screen.getByText(/reached its time limit of 30 s/)).toBeTruthy();
});

test('a job that logged nothing says how it could have', () => {
  mount(<JobPage name="cancer-4" />, ended('Stopped'));
  expect(screen.getByText(/No metric was logged/)).toBeTruthy();
});
