"""Show one job or endpoint: its state, what it was given and what came of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jupyter_ml.toolkit.verbs.names import find, names_of
from jupyter_ml.toolkit.verbs.output import Text
from jupyter_ml.toolkit.verbs.quantities import duration, number, size

if TYPE_CHECKING:
    import argparse

    from jupyter_ml.client import Client

Json = dict[str, Any]
_MIB = 1 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``show``."""
    parser.add_argument("name", metavar="NAME", help="of a job or an endpoint")
    parser.add_argument("--json", action="store_true", help="everything, as the API describes it")


def run(client: Client, args: argparse.Namespace) -> object:
    """Return the handle in a notebook, where it is live, and text in a terminal."""
    kind, name = find(client, args.name)
    if args.json:
        described = client.call(f"Describe{kind}", {f"{kind}Name": name})
        return Text(json.dumps(described, indent=2))
    if args.shell is not None:
        return _handle(kind, name)
    if kind == "Endpoint":
        return Text(_endpoint(client.call("WatchEndpoint", {"EndpointName": name})))
    return Text(_job(client.call("WatchTrainingJob", {"TrainingJobName": name})))


def candidates(client: Client, typed: list[str]) -> list[str]:
    """Return the names of jobs and endpoints."""
    return [] if typed else names_of(client)


def _handle(kind: str, name: str) -> object:
    if kind == "Endpoint":
        from jupyter_ml.toolkit.endpoints import endpoint  # noqa: PLC0415  (only in notebooks)

        return endpoint(name)
    from jupyter_ml.toolkit.jobs import job  # noqa: PLC0415  (only in notebooks)

    return job(name)


def _job(watched: Json) -> str:
    card, described = watched["Card"], watched["TrainingJob"]
    head = [card["TrainingJobName"], card["TrainingJobStatus"], card["SecondaryStatus"]]
    if "TrainingStartTime" in card and "TrainingEndTime" in card:
        head.append(duration(card["TrainingEndTime"] - card["TrainingStartTime"]))
    lines = [" · ".join(dict.fromkeys(head))]
    if "Failure" in watched:
        lines += _failure(watched["Failure"])
    lines += _section("Hyperparameters", described.get("HyperParameters", {}))
    last = {
        series["Name"]: number(series["Values"][-1])
        for series in watched.get("Series", ())
        if series["Values"]
    }
    lines += _section("Metrics", last)
    lines += _section("Inputs", {item["Name"]: _input(item) for item in watched.get("Inputs", ())})
    artifacts = {
        item["Name"]: f"{item['Uri']} ({size(item['Bytes'])})"
        for item in watched.get("Artifacts", ())
    }
    return "\n".join([*lines, *_section("Artifacts", artifacts)])


def _failure(failure: Json) -> list[str]:
    lines = [f"{failure['Reason']}: {failure['Message']}"]
    lines += [
        f"  {frame['File']}:{frame['Line']} in {frame['Function']}"
        for frame in failure.get("Frames", ())
    ]
    if "PeakMemoryMb" in failure and "MemoryLimitMb" in failure:
        peak, limit = failure["PeakMemoryMb"] * _MIB, failure["MemoryLimitMb"] * _MIB
        lines.append(f"  peak memory {size(peak)} of {size(limit)}")
    return [*lines, *([failure["Advice"]] if "Advice" in failure else [])]


def _input(item: Json) -> str:
    parts = [item["Kind"], *([size(item["Bytes"])] if "Bytes" in item else [])]
    return " · ".join([*parts, *([item["Detail"]] if "Detail" in item else [])])


def _endpoint(watched: Json) -> str:
    card = watched["Card"]
    lines = [f"{card['EndpointName']} · {card['EndpointStatus']}"]
    if "FailureReason" in card:
        lines.append(card["FailureReason"])
    facts = {
        "Address": card.get("Url"),
        "Model": card.get("ModelName"),
        "Workers": f"{card['Workers']['Current']} of {card['Workers']['Desired']}",
        "Requests": f"{card['Requests']}, refused {card['Errors4xx']}, failed {card['Errors5xx']}",
    }
    if "LatencyP50Ms" in card:
        facts["Latency"] = f"{card['LatencyP50Ms']:.1f} ms, 99th {card.get('LatencyP99Ms', 0):.1f}"
    self_test = watched.get("SelfTest")
    if self_test:
        facts["Self-test"] = self_test["Message"]
    return "\n".join([*lines, *_section("", {name: fact for name, fact in facts.items() if fact})])


def _section(title: str, items: dict[str, Any]) -> list[str]:
    if not items:
        return []
    width = max(map(len, items))
    return [*([title] if title else []), *(f"  {k:<{width}}  {v}" for k, v in items.items())]
