import '@jupyterlab/theme-light-extension/style/variables.css';
import '../../style/index.css';
import { createRoot } from 'react-dom/client';
import { ServiceError } from '../../src/core/client';
import { PanelContext, transientMemory, type Target } from '../../src/core/context';
import { Sidebar } from '../../src/lab/Sidebar';
import { PanelView } from '../../src/panels/PanelView';
import * as jobs from './data';
import * as failure from './failed';
import * as serving from './serving';
import darkVariables from 'dark-theme';
import { ScriptedClient } from './scripted';

const query = new URLSearchParams(location.search);
const scene = query.get('scene') ?? 'job-running';
const empty = scene.includes('empty');
const failed = scene.includes('failed');

if (query.get('theme') === 'dark') {
  const style = document.createElement('style');
  style.textContent = darkVariables;
  document.head.append(style);
}
document.body.dataset['jpThemeLight'] = String(query.get('theme') !== 'dark');

const client = new ScriptedClient(
  {
    WatchTrainingJobs: push => {
      push(
        empty
          ? {
              ...jobs.JOBS_UPDATE,
              Jobs: [],
              Counts: { InProgress: 0, Queued: 0, Completed: 0, Failed: 0, Stopped: 0 }
            }
          : jobs.JOBS_UPDATE
      );
      return undefined;
    },
    WatchTrainingJob: push => {
      if (!scene.includes('loading')) {
        push(failed ? failure.FAILED_UPDATE : jobs.JOB_UPDATE);
      }
      return undefined;
    },
    WatchLog: push => {
      const lines = scene.includes('huge')
        ? Array.from(
            { length: 100_000 },
            (_, index) => `step ${index} loss=${(1 / (1 + index)).toFixed(6)}`
          )
        : failed
          ? failure.FAILED_LINES
          : jobs.LOG_LINES;
      push(jobs.logUpdate(lines, failed));
      return undefined;
    },
    WatchEndpoints: push => {
      push({ Cursor: '1', Reset: true, Endpoints: empty ? [] : serving.ENDPOINTS, Removed: [] });
      return undefined;
    },
    WatchEndpoint: push => {
      push({
        Cursor: '1',
        Reset: true,
        Card: serving.ENDPOINTS[0],
        Schema: {
          Columns: serving.COLUMNS.map(Name => ({ Name })),
          ContentType: 'application/json',
          SampleRequest: serving.SAMPLE
        },
        Intervals: Array.from({ length: 90 }, (_, index) => ({
          Time: jobs.NOW - 900 + index * 10,
          Requests: 50 + Math.round(20 * Math.sin(index / 5)),
          Errors: index === 40 ? 3 : 0,
          P50Ms: 1.8 + 0.3 * Math.sin(index),
          P99Ms: 6 + 2 * Math.sin(index * 1.7)
        })),
        Checks: [
          { Library: 'scikit-learn', Trained: '1.9.1', Serving: '1.9.1', Ok: true },
          { Library: 'numpy', Trained: '2.3.4', Serving: '2.2.0', Ok: false }
        ],
        SelfTest: { Passed: true, Milliseconds: 3.4 },
        Compilation: {
          Status: 'Compiled',
          Message:
            'Compiled by ONNX Runtime 1.32.0: 27 times faster for one row (266 µs -> 10 µs), checked equal on 256 rows.',
          Engine: 'ONNX Runtime 1.32.0',
          Speedup: 27,
          RowsChecked: 256
        }
      });
      return undefined;
    }
  },
  {
    CompareRuns: () => serving.COMPARISON,
    StopTrainingJob: () => ({}),
    DeleteEndpoint: () => ({}),
    InvokeEndpoint: () => {
      if (query.has('refuse')) {
        throw new ServiceError(
          'ValidationError',
          'The request has no column "mean radius" and an unknown column "mean radios".'
        );
      }
      return {
        Body: '{"predictions":[1],"probabilities":[[0.0123,0.9877]]}',
        ContentType: 'application/json'
      };
    }
  }
);
if (query.has('offline')) {
  client.connection.set('offline');
}

const TARGETS: Record<string, Target> = {
  jobs: { panel: 'TrainingJobs' },
  job: { panel: 'TrainingJob', name: failed ? 'cancer-2' : 'cancer-4' },
  endpoint: { panel: 'Endpoint', name: 'cancer' },
  endpoints: { panel: 'Endpoints' },
  compare: { panel: 'Compare', names: ['cancer-3', 'cancer-4', 'baseline-1'] }
};

const memory = transientMemory();
const tab = query.get('tab');
if (tab) {
  ['job:cancer-4:tab', 'job:cancer-2:tab', 'endpoint:cancer:tab'].forEach(key =>
    memory.set(key, tab)
  );
}
const host = {
  client,
  memory,
  open: (target: Target) => console.warn('open', target),
  insertCode: () => undefined
};
const target = TARGETS[scene.split('-')[0] ?? ''];
createRoot(document.getElementById('root') ?? document.body).render(
  <PanelContext.Provider value={host}>
    {target ? (
      <PanelView target={target} embedded={scene.includes('embedded')} />
    ) : (
      <Sidebar running={2} endpoints={1} />
    )}
  </PanelContext.Provider>
);
