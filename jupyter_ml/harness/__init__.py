"""What runs around a user's program in a job's own process, with the standard library alone.

The engine's shim starts a harness, the harness lays out `/opt/ml`, stages the channels, starts
the user's program, follows its output and packs what it made. The pieces here are shared by
all services that run work; `training` puts them together for training jobs. They run in whatever
interpreter the job was given: they import no service and no store, and of the engine only what a
forked job needs.
"""
