"""Predictions over HTTP: our endpoint beside the servers that people would use for it.

python benchmarks/serving.py [--rounds N] [--seconds S] [--only NAME ...] [--publish]
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from load import Figures, closed_loop, open_loop
from measure import cpu_seconds, memory_mb, publish, table
from serving_bodies import bodies
from serving_contestants import MODELS, PEERS, ask
from serving_others import PEERS_BY_NAME
from serving_ours import NoModel, Ours

if TYPE_CHECKING:
    from collections.abc import Sequence

CONNECTIONS = (1, 16, 64)
OURS, NATIVE, EMPTY = "our endpoint", "our endpoint, not compiled", "our server, no model"
TITLES = {
    "gbm": "scikit-learn gradient boosting, 100 trees, 20 columns, one row per request",
    "mlp": "torch network 20-64-64-1, one row per request",
}

HOW = (
    "All servers have one worker, one thread for numerical libraries and two cores together with "
    "the load, and answer one row per request in JSON with the same model; answers were compared "
    "before anything counted. Cold is the time from start to first answer, for our endpoint that "
    "from `CreateEndpoint`; CPU is the server's for one request at 64 connections, the figure "
    "that other work on the machine moves least."
)
OPEN_LOOP = (
    "Open loop: requests come at random times at the rate given, and a latency begins when its "
    "request was due. In brackets the share that failed or was never answered."
)

BODIES = (
    "Rows of one request, over one connection, from a Python client: milliseconds for the request "
    "and, in brackets, microseconds for each of its rows."
)


@dataclass
class Results:
    """What was measured of one contestant, one entry for each round."""

    closed: dict[int, list[Figures]] = field(default_factory=dict)
    open: dict[float, list[Figures]] = field(default_factory=dict)
    cpu_us: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    cold_s: list[float] = field(default_factory=list)
    note: str = ""
    problem: str = ""
    bodies: str = ""

    def per_second(self, connections: int) -> float:
        """Return the median of answers a second."""
        return statistics.median(one.per_second for one in self.closed[connections])

    def median(self, connections: int, name: str) -> float:
        """Return the median of a latency, in milliseconds."""
        return statistics.median(getattr(one, name) for one in self.closed[connections])

    @property
    def errors(self) -> int:
        """How many requests of the closed loops failed."""
        return sum(one.errors for rounds in self.closed.values() for one in rounds)


def contestants(only: Sequence[str]) -> dict[str, Any]:
    """Return who takes part, by name."""
    ours = (Ours(OURS, compiles=True), Ours(NATIVE, compiles=False), NoModel(EMPTY, compiles=False))
    everybody = {one.name: one for one in (*ours, *PEERS_BY_NAME.values())}
    return {name: one for name, one in everybody.items() if not only or name in only}


def run(contestant: Any, model: str, results: Results, options: argparse.Namespace) -> None:
    """Start a contestant, compare its answers, load it, and add its figures to `results`."""
    rows = np.load(MODELS / "rows.npy").tolist()
    with contestant.running(model, rows) as server:
        if not isinstance(contestant, NoModel):
            _compare(contestant, server, model, rows)
        results.cold_s.append(server.cold_s)
        results.note = server.note
        closed_loop(server.request, 8, 1)
        for connections in CONNECTIONS:
            before = cpu_seconds(server.process)
            figures = closed_loop(server.request, connections, options.seconds)
            used = cpu_seconds(server.process) - before
            results.closed.setdefault(connections, []).append(figures)
        results.cpu_us.append(used / max(1, figures.requests) * 1e6)
        for rate in options.rates:
            figures = open_loop(server.request, rate, options.seconds)
            results.open.setdefault(rate, []).append(figures)
        if contestant.name == OURS:
            results.bodies = bodies(server.request, np.asarray(rows))
        results.memory_mb.append(memory_mb(server.process))


def _compare(contestant: Any, server: Any, model: str, rows: Any) -> None:
    wanted = np.load(MODELS / f"{model}.npy").ravel()
    found = [
        np.ravel(contestant.read(ask(server.request, contestant.body(rows[at : at + 1]))))[0]
        for at in range(16)
    ]
    if not np.allclose(found, wanted[:16], rtol=1e-4, atol=1e-5):
        msg = f"it answers {found[:4]}, the model {wanted[:4].tolist()}"
        raise RuntimeError(msg)


def report(model: str, everybody: dict[str, Results], options: argparse.Namespace) -> str:
    """Return the tables of one model."""
    done = {name: results for name, results in everybody.items() if results.memory_mb}
    peers = {name: one for name, one in done.items() if name in PEERS_BY_NAME}
    best = max((one.per_second(64) for one in peers.values()), default=0.0)
    least = min((statistics.median(one.cpu_us) for one in peers.values()), default=0.0)
    columns = ["", "ratio to the best peer", "per second at 64", "p50 ms 1 / 16 / 64"]
    columns += [
        "p99 ms 1 / 16 / 64",
        "CPU µs",
        "least CPU of a peer / its",
        "MB",
        "cold s",
        "errors",
    ]
    lines = [
        [
            name,
            f"{one.per_second(64) / best:.2f}" if best else "",
            f"{one.per_second(64):,.0f}",
            " / ".join(f"{one.median(at, 'p50_ms'):.2f}" for at in CONNECTIONS),
            " / ".join(f"{one.median(at, 'p99_ms'):.1f}" for at in CONNECTIONS),
            f"{statistics.median(one.cpu_us):.0f}",
            f"{least / statistics.median(one.cpu_us):.2f}" if least else "",
            f"{statistics.median(one.memory_mb):.0f}",
            f"{statistics.median(one.cold_s):.2f}",
            one.errors,
        ]
        for name, one in done.items()
    ]
    parts = [f"### {TITLES[model]}", table(columns, lines)]
    if options.rates:
        heads = [f"p50 / p99 ms at {rate:,.0f} a second" for rate in options.rates]
        rates = [[name, *map(_open, one.open.values())] for name, one in done.items()]
        parts += [
            OPEN_LOOP,
            table(["", *heads], rates),
        ]
    if done.get(OURS) and done.get(EMPTY):
        share = done[OURS].per_second(64) / done[EMPTY].per_second(64)
        parts.append(
            f"At 64 connections our endpoint answers {share:.0%} of what the same server answers "
            "without a model."
        )
    if done.get(OURS):
        parts += [BODIES, done[OURS].bodies]
    parts += [f"{name}: {one.note}" for name, one in done.items() if one.note]
    parts += [
        f"{name} could not run: {one.problem}" for name, one in everybody.items() if one.problem
    ]
    return "\n\n".join(parts)


def _open(rounds: list[Figures]) -> str:
    p50, p99 = (
        statistics.median(getattr(one, name) for one in rounds) for name in ("p50_ms", "p99_ms")
    )
    lost = sum(one.errors for one in rounds) / sum(one.requests for one in rounds)
    return f"{p50:.1f} / {p99:.1f}" + (f" ({lost:.0%})" if lost else "")


def versions(only: Sequence[str]) -> str:
    """Return one sentence on the versions that took part."""
    peers = [peer for name, peer in contestants(only).items() if name in PEERS_BY_NAME]
    found = []
    for peer in peers:
        with contextlib.suppress(RuntimeError, subprocess.CalledProcessError):
            found.append(peer.version)
    return f"Versions: {', '.join(dict.fromkeys(found))}; ours is this checkout."


def prepare() -> None:
    """Make the models in the environment of the first peer, and what they answer."""
    python = PEERS_BY_NAME["FastAPI"].python
    subprocess.run([str(python), str(PEERS / "model.py"), str(MODELS)], check=True)
    code = (
        "import sys, numpy; from model import predictor; "
        "numpy.save(sys.argv[1], predictor()(numpy.load(sys.argv[2])))"
    )
    for model in TITLES:
        variables = {"BENCHMARK_MODELS": str(MODELS), "BENCHMARK_MODEL": model}
        command = [str(python), "-c", code, str(MODELS / f"{model}.npy"), str(MODELS / "rows.npy")]
        subprocess.run(command, env={**variables, "PYTHONPATH": str(PEERS)}, check=True)


def main() -> int:
    """Run the benchmark; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="of all contestants; medians count")
    parser.add_argument("--seconds", type=int, default=3, help="of each load")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="of contestants")
    parser.add_argument("--models", nargs="*", default=list(TITLES), choices=list(TITLES))
    parser.add_argument("--rates", nargs="*", type=float, default=[300.0, 3000.0], metavar="RATE")
    parser.add_argument("--publish", action="store_true", help="write the page of results")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        print("wrk makes the load: install it, on Debian by `apt-get install wrk`.")
        return 1
    prepare()
    texts = []
    for model in options.models:
        everybody = {name: Results() for name in contestants(options.only)}
        for number in range(options.rounds):
            for name, contestant in contestants(options.only).items():
                if everybody[name].problem:
                    continue
                print(f"{model}, round {number + 1}: {name}", file=sys.stderr, flush=True)
                try:
                    run(contestant, model, everybody[name], options)
                except (
                    RuntimeError,
                    OSError,
                    AssertionError,
                    subprocess.CalledProcessError,
                ) as error:
                    everybody[name].problem = f"{error}"
                    print(f"  {error}", file=sys.stderr, flush=True)
        texts.append(report(model, everybody, options))
        print(texts[-1])
    if options.publish:
        command = f"benchmarks/serving.py --rounds {options.rounds} --seconds {options.seconds}"
        publish("serving", f"python {command}", "\n\n".join([HOW, *texts, versions(options.only)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
