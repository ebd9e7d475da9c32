"""The mechanism: operations, resources, the store, events, artifacts. It knows no service.

`context` is the place to start: every operation, reactor and timer receives a `Context`
and does all it does through it.
"""
