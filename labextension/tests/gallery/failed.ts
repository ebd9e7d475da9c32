import type { Failure, JobUpdate } from '../../src/core/types/training';
import { JOB_UPDATE, JOBS, LOG_LINES, NOW } from './data';

export const FAILURE: Failure = {
  Reason: 'AlgorithmError',
  Message: "'target'",
  ExceptionType: 'KeyError',
  Frames: [
    {
      File: 'cell.py',
      Line: 3,
      Function: '<module>',
      Code: 'X, y = train.drop(columns="target"), train["target"]',
      InCell: true
    },
    {
      File: '/opt/conda/lib/python3.11/site-packages/pandas/core/frame.py',
      Line: 4378,
      Function: '__getitem__',
      Code: 'indexer = self.columns.get_loc(key)',
      InCell: false
    },
    {
      File: '/opt/conda/lib/python3.11/site-packages/pandas/core/indexes/base.py',
      Line: 3648,
      Function: 'get_loc',
      Code: 'raise KeyError(key) from err',
      InCell: false
    }
  ],
  Source: [
    { Number: 1, Text: 'from sklearn.ensemble import GradientBoostingClassifier' },
    { Number: 2, Text: '' },
    { Number: 3, Text: 'X, y = train.drop(columns="target"), train["target"]' },
    { Number: 4, Text: 'model = GradientBoostingClassifier(max_depth=depth).fit(X, y)' },
    { Number: 5, Text: 'ml.log(auc=roc_auc_score(y, model.predict_proba(X)[:, 1]))' }
  ],
  LogTail: [
    'reading train: 426 rows, 31 columns',
    'Traceback (most recent call last):',
    '  File "cell.py", line 3, in <module>',
    '    X, y = train.drop(columns="target"), train["target"]',
    "KeyError: 'target'"
  ],
  PeakMemoryMb: 184,
  MemoryLimitMb: 8192,
  ExitCode: 1,
  Advice:
    'The data frame `train` has no column `target`. It has 31 columns; the nearest name is `targets`.'
};

export const FAILED_UPDATE: JobUpdate = {
  ...JOB_UPDATE,
  Ended: true,
  Card: JOBS[5],
  Series: [],
  Progress: undefined,
  Failure: FAILURE,
  TrainingJob: {
    TrainingJobName: 'cancer-2',
    TrainingJobArn: 'arn:aws:sagemaker:us-east-1:000000000000:training-job/cancer-2',
    TrainingJobStatus: 'Failed',
    SecondaryStatus: 'Failed',
    HyperParameters: { depth: '3' },
    ResourceConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1 },
    StoppingCondition: { MaxRuntimeInSeconds: 3600 },
    SecondaryStatusTransitions: [
      { Status: 'Starting', StartTime: NOW - 9000, EndTime: NOW - 8999.4 },
      { Status: 'Downloading', StartTime: NOW - 8999.4, EndTime: NOW - 8999 },
      { Status: 'Training', StartTime: NOW - 8999, EndTime: NOW - 8997.6 },
      { Status: 'Failed', StartTime: NOW - 8997.6, StatusMessage: 'AlgorithmError' }
    ]
  }
};

export const FAILED_LINES: string[] = [...LOG_LINES.slice(0, 60), ...FAILURE.LogTail.slice(1)];
