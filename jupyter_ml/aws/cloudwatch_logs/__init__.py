"""CloudWatch Logs: the logs of training jobs and endpoints, where SageMaker would put them.

- `streams`: which groups and streams there are, and what is behind their names.
- `events`: lines of streams as events, page by page, in both directions.
- `patterns`: filter patterns of words.
- `operations`: the operations, and what becomes of their members.
"""

from jupyter_ml.aws.cloudwatch_logs.operations import cloudwatch_logs

__all__ = ["cloudwatch_logs"]
