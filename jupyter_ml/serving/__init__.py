"""The data plane: the process behind an endpoint, which answers `/ping` and `/invocations`.

`python -m jupyter_ml.serving` reads `serve.json` in its attempt folder, loads the model, runs the
self test, writes `ready.json` and serves. With one worker the front (`app`) and the model
(`inference`) share the process; with more, or with a model that needs another interpreter, the
front routes to worker processes (`workers`, `worker`) and outlives them. Requests reach the front
through uvicorn, or by the `shortcut` past its parser where the model shares the process.

Everything the model's process imports here is in the standard library, so that a worker runs in
any interpreter; uvicorn, httptools, uvloop and orjson are used where they are.
"""
