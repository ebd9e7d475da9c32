"""The audit log: who did what, when, from where and with what answer, and whether it is intact.

CloudTrail's place beside SageMaker. Every change and every denial is in the event log from the
moment it is committed, in the same transaction. `operations` looks events up, as CloudTrail's
`LookupEvents` does, and walks the chain of hashes that holds them together; `records` writes an
event as CloudTrail has it.
"""

RESOURCES = ()
