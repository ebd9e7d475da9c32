"""The mechanism: operations, resources, the store, events, artifacts. It knows no service.

`context` is the place to start: every operation, reactor and timer receives a `Context`
and does all it does through it.

- What services declare: `operations` with their reactors and timers, `resources`, and what follows
  from those: `listing`, `tagging`, `search`.
- What a transaction reads and changes: `rows`, `attempts`, `timers`, `idempotency` and `events`,
  kept in the `store`, and carried elsewhere by `backup`.
- Where things are: `workspace`, as its `settings` and Jupyter's `configuration` say; files by
  `artifacts` and `externals`; `locks` between processes.
- What goes in and out of jobs: `values`, `metrics`, `provenance`, `inject`, `detach`.
- What is told: `logs` and `exposition`, without what `credentials` finds.
"""
