"""The surface over HTTP: a Jupyter server extension.

- `extension`: the application that the server loads; the table of routes.
- `backend`: the workspace's client, behind threads so that the server's loop never waits.
- `api`: ``POST jupyter-ml/api/<Operation>`` and the few addresses beside it.
- `endpoints`: ``POST jupyter-ml/endpoints/<name>/invocations``.
- `metrics`: ``GET jupyter-ml/metrics``, for Prometheus.
- `stream` and `topics`: one WebSocket that pushes what changed.
- `upkeep`: ticks while work is live.
"""
