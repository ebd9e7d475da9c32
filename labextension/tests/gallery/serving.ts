import type { EndpointCard } from '../../src/core/types/endpoints';
import type { Comparison } from '../../src/core/types/experiments';
import { curve, NOW, wobble } from './data';

export const ENDPOINTS: EndpointCard[] = [
  {
    EndpointName: 'cancer',
    EndpointArn: 'arn:aws:sagemaker:us-east-1:000000000000:endpoint/cancer',
    EndpointStatus: 'InService',
    CreationTime: NOW - 900,
    LastModifiedTime: NOW - 899,
    Url: 'http://127.0.0.1:41873/invocations',
    ModelName: 'cancer-3',
    Workers: { Desired: 2, Current: 2 },
    Requests: 18_423,
    Errors4xx: 3,
    Errors5xx: 0,
    RequestsPerMinute: 312,
    LatencyP50Ms: 1.84,
    LatencyP99Ms: 6.2,
    Sparkline: Array.from({ length: 24 }, (_, index) => 300 + 60 * wobble(index))
  },
  {
    EndpointName: 'churn-staging',
    EndpointArn: 'arn:aws:sagemaker:us-east-1:000000000000:endpoint/churn-staging',
    EndpointStatus: 'Creating',
    CreationTime: NOW - 3,
    LastModifiedTime: NOW - 1,
    ModelName: 'churn-xgboost-1',
    Workers: { Desired: 1, Current: 0 },
    Requests: 0,
    Errors4xx: 0,
    Errors5xx: 0,
    RequestsPerMinute: 0,
    Sparkline: []
  }
];

export const COLUMNS = [
  'mean radius',
  'mean texture',
  'mean perimeter',
  'mean area',
  'mean smoothness',
  'mean compactness',
  'mean concavity',
  'mean concave points',
  'mean symmetry',
  'mean fractal dimension',
  'radius error',
  'texture error'
];

export const SAMPLE = JSON.stringify({
  columns: COLUMNS,
  data: [[12.34, 21.05, 78.2, 469.1, 0.1012, 0.0741, 0.0333, 0.0214, 0.1802, 0.0622, 0.2911, 1.204]]
});

const unified = `--- cancer-3
+++ cancer-4
@@ -1,6 +1,7 @@
 from sklearn.ensemble import GradientBoostingClassifier
 
-model = GradientBoostingClassifier(max_depth=depth, n_estimators=100)
+model = GradientBoostingClassifier(
+    max_depth=depth, n_estimators=300, learning_rate=0.05)
 model.fit(train.drop(columns="target"), train["target"])
 auc = roc_auc_score(test["target"], model.predict_proba(test.drop(columns="target"))[:, 1])
 ml.log(auc=auc)
`;

export const COMPARISON: Comparison = {
  Runs: [
    { Name: 'cancer-3', Kind: 'TrainingJob', Status: 'Completed' },
    { Name: 'cancer-4', Kind: 'TrainingJob', Status: 'Completed' },
    { Name: 'baseline-1', Kind: 'Run', Status: 'Completed' }
  ],
  Parameters: [
    { Name: 'depth', Values: ['3', '5', null], Differs: true },
    { Name: 'n_estimators', Values: ['100', '300', null], Differs: true },
    { Name: 'subsample', Values: ['1.0', '1.0', '1.0'], Differs: false }
  ],
  Metrics: [
    { Name: 'auc', Values: [0.9871, 0.9912, 0.9514], Deltas: [0, 0.0041, -0.0357], BestIndex: 1 },
    {
      Name: 'logloss',
      Values: [0.1312, 0.1104, 0.2931],
      Deltas: [0, -0.0208, 0.1619],
      BestIndex: 1
    },
    { Name: 'fit_seconds', Values: [41.2, 84.5, 0.31], Deltas: [0, 43.3, -40.89], BestIndex: null }
  ],
  Inputs: [
    {
      Name: 'train',
      Values: [
        '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
        '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
        null
      ],
      Differs: true
    },
    { Name: 'test', Values: ['aa', 'aa', 'aa'], Differs: false }
  ],
  Environment: [
    { Name: 'scikit-learn', Values: ['1.8.0', '1.9.1', '1.9.1'], Differs: true },
    { Name: 'python', Values: ['3.11.9', '3.11.9', '3.11.9'], Differs: false }
  ],
  Source: [{ From: 'cancer-3', To: 'cancer-4', Unified: unified }],
  Series: ['auc', 'logloss'].map(name => ({
    Name: name,
    Curves: [
      {
        Run: 'cancer-3',
        Steps: Array.from({ length: 60 }, (_, i) => i),
        Values: name === 'auc' ? curve(60, 0.7, 0.987, 0.02) : curve(60, 0.7, 0.13, 0.03)
      },
      {
        Run: 'cancer-4',
        Steps: Array.from({ length: 124 }, (_, i) => i),
        Values: name === 'auc' ? curve(124, 0.66, 0.991, 0.02) : curve(124, 0.7, 0.11, 0.03)
      }
    ]
  }))
};
