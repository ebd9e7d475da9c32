"""Logs: what the members of each attempt wrote, with the time that it was written at.

CloudWatch Logs' place beside SageMaker. The engine keeps the bytes and marks beside them when
they came; `operations` lists the logs of all attempts and reads them by lines, `watch` follows
that of the newest attempt, and `lines` finds lines in bytes.
"""

RESOURCES = ()
