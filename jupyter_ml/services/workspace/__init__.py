"""The workspace itself: what the machine has, what is running, and the disk.

SageMaker has no word for these, as its machines are elsewhere; the operations are ours.
`operations` answers what there is, `disk` accounts for it and clears what has been kept long
enough.
"""

RESOURCES = ()
