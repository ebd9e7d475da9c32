"""Warm start: a process that has only imported forks jobs which need not import any more.

Such a process is called a zygote. It is a cache: whatever becomes of it, and at whatever moment,
a job that it could not fork is started from nothing, as if there had never been one.

    surroundings   what a job would inherit; jobs share a zygote only where that is the same
    zygote         the program: imports what earlier jobs imported, then forks supervisors
    forked         what a forked process does to be like one that was started from nothing
    pools          threads of numerical libraries: none in a zygote, as many as wanted in a job
    pages          memory that is quick to fork
    folder         the zygotes of a workspace: found, asked, started, ended
"""
