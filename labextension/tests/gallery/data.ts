import type { LogUpdate } from '../../src/core/types/stream';
import type { JobCard, JobsUpdate, JobUpdate, Series } from '../../src/core/types/training';

export const NOW = Date.now() / 1000;

export const wobble = (index: number): number =>
  Math.sin(index * 12.9898) * 0.5 + Math.sin(index * 4.1414) * 0.5;

export function curve(size: number, from: number, to: number, noise: number): number[] {
  return Array.from(
    { length: size },
    (_, index) =>
      to +
      (from - to) * Math.exp((-4 * index) / size) +
      wobble(index) * noise * Math.exp(-index / size)
  );
}

export function job(name: string, changes: Partial<JobCard> = {}): JobCard {
  return {
    TrainingJobName: name,
    TrainingJobArn: `arn:aws:sagemaker:us-east-1:000000000000:training-job/${name}`,
    TrainingJobStatus: 'Completed',
    SecondaryStatus: 'Completed',
    CreationTime: NOW - 3000,
    LastModifiedTime: NOW - 2900,
    TrainingStartTime: NOW - 2998,
    TrainingEndTime: NOW - 2912,
    Origin: { Kind: 'cell', Notebook: 'work/breast-cancer.ipynb', CellId: 'a1' },
    Attempt: 1,
    ...changes
  };
}

export const JOBS: JobCard[] = [
  job('cancer-4', {
    TrainingJobStatus: 'InProgress',
    SecondaryStatus: 'Training',
    CreationTime: NOW - 75,
    TrainingStartTime: NOW - 72,
    TrainingEndTime: undefined,
    Objective: {
      Name: 'auc',
      Value: 0.9912,
      Delta: 0.0041,
      Baseline: 'cancer-3',
      Sparkline: curve(40, 0.62, 0.991, 0.02)
    },
    Progress: { Current: 124, Total: 300, Fraction: 0.413, EtaSeconds: 102, Label: 'tree' }
  }),
  job('digits-cnn-12', {
    TrainingJobStatus: 'InProgress',
    SecondaryStatus: 'Downloading',
    CreationTime: NOW - 9,
    TrainingStartTime: undefined,
    TrainingEndTime: undefined,
    StatusMessage: 'Copying 2 channels',
    Origin: { Kind: 'script', Notebook: 'work/digits.ipynb' }
  }),
  job('digits-cnn-13', {
    TrainingJobStatus: 'InProgress',
    SecondaryStatus: 'Pending',
    QueuePosition: 1,
    CreationTime: NOW - 6,
    TrainingStartTime: undefined,
    TrainingEndTime: undefined,
    Origin: { Kind: 'script', Notebook: 'work/digits.ipynb' }
  }),
  job('cancer-3', {
    Objective: {
      Name: 'auc',
      Value: 0.9871,
      Delta: -0.0012,
      Baseline: 'cancer-2',
      Sparkline: curve(40, 0.7, 0.987, 0.03)
    }
  }),
  job('churn-xgboost-1', {
    CreationTime: NOW - 7200,
    Origin: { Kind: 'algorithm' },
    Objective: {
      Name: 'validation:logloss',
      Value: 0.08314,
      Sparkline: curve(50, 0.69, 0.083, 0.02)
    }
  }),
  job('cancer-2', {
    TrainingJobStatus: 'Failed',
    SecondaryStatus: 'Failed',
    CreationTime: NOW - 9000,
    TrainingStartTime: NOW - 8999,
    TrainingEndTime: NOW - 8997.6,
    FailureReason: "AlgorithmError: KeyError: 'target' in line 3 of the cell"
  }),
  job('a-rather-long-name-for-a-forecasting-experiment-with-lags-7', {
    TrainingJobStatus: 'Stopped',
    SecondaryStatus: 'Stopped',
    CreationTime: NOW - 90000,
    TrainingStartTime: NOW - 89990,
    TrainingEndTime: NOW - 82000,
    Objective: { Name: 'mape', Value: 12.41, Sparkline: curve(30, 40, 12.4, 3) }
  })
];

export const JOBS_UPDATE: JobsUpdate = {
  Cursor: '1',
  Reset: true,
  Jobs: JOBS,
  Removed: [],
  Counts: { InProgress: 2, Queued: 1, Completed: 2, Failed: 1, Stopped: 1 }
};

export function series(
  name: string,
  size: number,
  from: number,
  to: number,
  noise: number
): Series {
  return {
    Name: name,
    Steps: Array.from({ length: size }, (_, index) => index),
    Times: Array.from({ length: size }, (_, index) => NOW - 72 + index * 0.5),
    Values: curve(size, from, to, noise)
  };
}

const TRANSITIONS = [
  { Status: 'Pending', StartTime: NOW - 75, EndTime: NOW - 74.8 },
  {
    Status: 'Starting',
    StartTime: NOW - 74.8,
    EndTime: NOW - 74.1,
    StatusMessage: 'Starting the supervisor'
  },
  {
    Status: 'Downloading',
    StartTime: NOW - 74.1,
    EndTime: NOW - 72,
    StatusMessage: 'Copying 1 channel'
  }
];

export const JOB_UPDATE: JobUpdate = {
  Cursor: '1',
  Reset: true,
  Ended: false,
  Card: JOBS[0],
  TrainingJob: {
    TrainingJobName: 'cancer-4',
    TrainingJobArn: 'arn:aws:sagemaker:us-east-1:000000000000:training-job/cancer-4',
    TrainingJobStatus: 'InProgress',
    SecondaryStatus: 'Training',
    HyperParameters: {
      depth: '5',
      learning_rate: '0.05',
      n_estimators: '300',
      sagemaker_program: 'cell.py'
    },
    Environment: { JUPYTER_ML_PYTHON: '/opt/conda/bin/python' },
    AlgorithmSpecification: { TrainingImage: 'jupyter-ml/python' },
    ResourceConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1 },
    StoppingCondition: { MaxRuntimeInSeconds: 3600 },
    InputDataConfig: [
      {
        ChannelName: 'notebook',
        DataSource: {
          S3DataSource: { S3Uri: 's3://sagemaker-us-east-1-000000000000/inputs/4f1d2c/notebook' }
        }
      }
    ],
    SecondaryStatusTransitions: [...TRANSITIONS, { Status: 'Training', StartTime: NOW - 72 }]
  },
  Series: [
    series('train:auc', 124, 0.7, 0.9985, 0.01),
    series('validation:auc', 124, 0.66, 0.9912, 0.02),
    series('train:logloss', 124, 0.69, 0.04, 0.02),
    series('validation:logloss', 124, 0.69, 0.11, 0.03),
    series('learning_rate', 124, 0.1, 0.01, 0),
    { Name: 'n_features', Steps: [0], Times: [NOW - 70], Values: [30] }
  ],
  Progress: JOBS[0]?.Progress,
  Resources: {
    CpuPercent: 187,
    MemoryMb: 612,
    PeakMemoryMb: 655,
    MemoryLimitMb: 8192,
    CpuLimit: 2,
    Enforced: { Memory: 'cgroup', Cpu: 'cgroup' },
    Samples: Array.from({ length: 72 }, (_, index) => ({
      Time: NOW - 72 + index,
      CpuPercent: 150 + 40 * wobble(index),
      MemoryMb: 200 + 455 * (1 - Math.exp(-index / 12))
    }))
  },
  Inputs: [
    {
      Name: 'train',
      Kind: 'DataFrame',
      Sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
      Bytes: 82_400,
      Detail: '426 × 31'
    },
    {
      Name: 'depth',
      Kind: 'int',
      Sha256: 'ef2d127de37b942baad06145e54b0c619a1f22327b2ebbcfbec78f5564afe39d',
      Bytes: 28,
      Detail: '5'
    },
    {
      Name: 'features',
      Kind: 'module',
      Sha256: '2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae',
      Bytes: 1204,
      Detail: 'features.py'
    }
  ],
  Artifacts: []
};

export function logUpdate(lines: string[], ended = false): LogUpdate {
  return {
    Cursor: '1',
    Reset: true,
    Ended: ended,
    FirstLine: 1,
    Text: `${lines.join('\n')}\n`,
    DroppedBytes: 0
  };
}

export const LOG_LINES: string[] = [
  '\u001b[2mreading train: 426 rows, 31 columns\u001b[0m',
  '\u001b[1mGradientBoostingClassifier\u001b[0m(learning_rate=0.05, max_depth=5, n_estimators=300)',
  ...Array.from(
    { length: 124 },
    (_, index) =>
      `[\u001b[36m${String(index).padStart(3)}\u001b[0m]  train-auc=${curve(124, 0.7, 0.9985, 0.01)[index]?.toFixed(5)}  \u001b[32mvalidation-auc=${curve(124, 0.66, 0.9912, 0.02)[index]?.toFixed(5)}\u001b[0m`
  ),
  '/opt/conda/lib/python3.11/site-packages/sklearn/utils/validation.py:2749: UserWarning: X does not have valid feature names, but GradientBoostingClassifier was fitted with feature names',
  'validating on 143 rows'
];
