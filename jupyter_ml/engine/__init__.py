"""Where work runs: the `Engine` protocol, and the local engine behind it.

`work` says what is to be run, `protocol` what an engine can be asked. The local engine gives
every attempt a *shim*: a small process that owns the processes of the work, their limits and
their log, and writes the verdict. `shim`, `supervisor` and the modules that they import use the
standard library only, because they run in any interpreter.
"""
