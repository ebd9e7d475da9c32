import { expect, test } from 'vitest';
import { curlCommand, foldEndpoint, pretty, sampleForm } from '../../src/panels/endpoints/model';
import { metricCells, parseUnified } from '../../src/panels/experiments/model';
import { filterJobs, foldJob, foldJobs, groupSeries } from '../../src/panels/training/model';
import { job, JOB_UPDATE, JOBS_UPDATE, series } from '../gallery/data';
import { COLUMNS, COMPARISON, ENDPOINTS, SAMPLE } from '../gallery/serving';

test('an update replaces its jobs, drops the removed ones and keeps the newest first', () => {
  const state = foldJobs(foldJobs(undefined, JOBS_UPDATE), {
    ...JOBS_UPDATE,
    Reset: false,
    Jobs: [
      job('cancer-5', {
        CreationTime:
          JOBS_UPDATE.Jobs.reduce((most, one) => Math.max(most, one.CreationTime), 0) + 5
      })
    ],
    Removed: ['cancer-2']
  });
  expect(state.jobs[0]?.TrainingJobName).toBe('cancer-5');
  expect(state.jobs.some(one => one.TrainingJobName === 'cancer-2')).toBe(false);
  expect(state.jobs).toHaveLength(7);
});

test('a filter matches every word in name, notebook or failure', () => {
  expect(
    filterJobs(JOBS_UPDATE.Jobs, 'all', 'cancer keyerror').map(one => one.TrainingJobName)
  ).toEqual(['cancer-2']);
  expect(filterJobs(JOBS_UPDATE.Jobs, 'queued', '').map(one => one.TrainingJobName)).toEqual([
    'digits-cnn-13'
  ]);
});

test('new points are appended to the series they belong to', () => {
  const first = foldJob(undefined, JOB_UPDATE);
  const next = foldJob(first, {
    Cursor: '2',
    Reset: false,
    Ended: false,
    Series: [{ Name: 'train:auc', Steps: [124], Times: [1], Values: [0.999] }]
  });
  expect(next.series.get('train:auc')?.Values.at(-1)).toBe(0.999);
  expect(next.series.get('train:auc')?.Values).toHaveLength(125);
  expect(next.inputs).toHaveLength(3);
});

test('a run that logs for days keeps its ends and peaks, and no more points than a chart needs', () => {
  let state = foldJob(undefined, JOB_UPDATE);
  for (let round = 0; round < 40; round += 1) {
    const Steps = Array.from({ length: 2000 }, (_, index) => round * 2000 + index);
    state = foldJob(state, {
      Cursor: String(round),
      Reset: false,
      Ended: false,
      Series: [
        {
          Name: 'long',
          Steps,
          Times: Steps,
          Values: Steps.map(step => (step === 4321 ? 50 : step === 64_000 ? NaN : step % 7))
        }
      ]
    });
  }
  const long = state.series.get('long');
  expect(long?.Values.length).toBeLessThanOrEqual(16_000);
  expect(long?.Steps).toHaveLength(long?.Values.length ?? 0);
  expect([long?.Steps[0], long?.Steps.at(-1)]).toEqual([0, 79_999]);
  expect(long?.Values[long.Steps.indexOf(4321)]).toBe(50);
  expect(
    long?.Steps.every((step, index) => index === 0 || step > (long.Steps[index - 1] ?? 0))
  ).toBe(true);
});

test('splits of one measure share a chart', () => {
  const groups = groupSeries([
    series('train:auc', 2, 0, 1, 0),
    series('val_auc', 2, 0, 1, 0),
    series('lr', 2, 0, 1, 0)
  ]);
  expect(groups.map(group => [group.title, group.series.length])).toEqual([
    ['auc', 2],
    ['lr', 1]
  ]);
});

const schema = {
  Columns: COLUMNS.map(Name => ({ Name })),
  ContentType: 'application/json',
  SampleRequest: SAMPLE
};

test('a sample with named columns becomes fields and back', () => {
  const form = sampleForm(schema, SAMPLE);
  expect(form?.columns).toEqual(COLUMNS);
  const changed: unknown = JSON.parse(form?.write(form.values.with(0, '99')) ?? '');
  expect(changed).toMatchObject({ data: [[99, 21.05]].map(row => expect.arrayContaining(row)) });
});

test.each([
  ['[[1, 2]]', ['1', '2']],
  ['{"instances": [[1, null]]}', ['1', '']],
  ['[{"a": "x", "b": 2}]', ['x', '2']]
])('the sample %s becomes fields', (body, values) => {
  expect(sampleForm({ ...schema, Columns: [] }, body)?.values).toEqual(values);
});

test('a model that knows no column names gets numbered ones', () => {
  const unnamed = { ContentType: 'application/json', SampleRequest: '[[0.5]]' };
  expect(sampleForm(unnamed, unnamed.SampleRequest)?.columns).toEqual(['column 1']);
});

test('a field keeps the type that its sample has', () => {
  const form = sampleForm({ ...schema, Columns: [] }, '[{"code": "1", "n": 2, "flag": true}]');
  expect(JSON.parse(form?.write(['7', '8', 'false']) ?? '')).toEqual([
    { code: '7', n: 8, flag: false }
  ]);
});

test('a sample that is not a flat row is left as text', () => {
  expect(sampleForm(schema, '{"text": "hello"}')).toBeUndefined();
  expect(sampleForm(schema, 'not json')).toBeUndefined();
});

test('a csv sample keeps its header', () => {
  const form = sampleForm(
    { Columns: [{ Name: 'a' }, { Name: 'b' }], ContentType: 'text/csv', SampleRequest: '' },
    'a,b\n1,2'
  );
  expect(form?.write(['3', '4'])).toBe('a,b\n3,4');
});

test('the curl command quotes its body', () => {
  const card = ENDPOINTS[0];
  expect(card && curlCommand(card, 'application/json', `{"a": "it's"}`)).toContain(
    `-d '{"a": "it'\\''s"}'`
  );
});

test('an update that leaves the card out keeps the one before', () => {
  const first = foldEndpoint(undefined, { Cursor: '1', Reset: true, Card: ENDPOINTS[0] });
  const next = foldEndpoint(first, {
    Cursor: '2',
    Reset: false,
    SelfTest: { Passed: true, Milliseconds: 2 },
    Compilation: { Status: 'Native', Message: 'Served natively: it is no faster.' }
  });
  expect(next.card?.EndpointName).toBe('cancer');
  expect(next.selfTest?.Passed).toBe(true);
  expect(next.compilation?.Status).toBe('Native');
});

test('a short answer stays on one line', () => {
  expect(pretty('{"predictions": [1]}')).toBe('{"predictions":[1]}');
});

test('deltas are taken against the chosen baseline', () => {
  const auc = COMPARISON.Metrics[0];
  expect(auc && metricCells(auc, 1).map(cell => cell.delta?.toFixed(4))).toEqual([
    '-0.0041',
    undefined,
    '-0.0398'
  ]);
});

test('a unified diff has line numbers on both sides', () => {
  const lines = parseUnified(COMPARISON.Source[0]?.Unified ?? '');
  expect(lines.filter(line => line.kind === 'removed').map(line => line.before)).toEqual([3]);
  expect(lines.filter(line => line.kind === 'added').map(line => line.after)).toEqual([3, 4]);
});
