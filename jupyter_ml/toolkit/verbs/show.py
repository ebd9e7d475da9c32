"""Show one job or endpoint: its state, what it was given and what came of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jupyter_ml.toolkit.display import words
from jupyter_ml.toolkit.display.failure import Failure
from jupyter_ml.toolkit.display.job import status_line
from jupyter_ml.toolkit.verbs.names import find, names_of
from jupyter_ml.toolkit.verbs.output import Text

if TYPE_CHECKING:
    import argparse

    from jupyter_ml.client import Client

Json = dict[str, Any]


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
        return _handle(client, kind, name)
    if kind == "Endpoint":
        return Text(_endpoint(client.call("WatchEndpoint", {"EndpointName": name})))
    return Text(_job(client.call("WatchTrainingJob", {"TrainingJobName": name})))


def candidates(client: Client, typed: list[str]) -> list[str]:
    """Return the names of jobs and endpoints."""
    return [] if typed else names_of(client)


def _handle(client: Client, kind: str, name: str) -> object:
    if kind == "Endpoint":
        from jupyter_ml.toolkit.endpoints import Endpoint  # noqa: PLC0415  (only in notebooks)

        return Endpoint(name, client)
    from jupyter_ml.toolkit.jobs import TrainingJob  # noqa: PLC0415  (only in notebooks)

    return TrainingJob(name, client)


def _job(watched: Json) -> str:
    name = watched["Card"]["TrainingJobName"]
    lines = [status_line(watched["Card"])]
    if "Failure" in watched:
        lines.append(repr(Failure(name, watched["Failure"])))
    last = {
        series["Name"]: words.number(series["Values"][-1])
        for series in watched.get("Series", ())
        if series["Values"]
    }
    artifacts = {
        item["Name"]: f"{item['Uri']} ({words.size(item['Bytes'])})"
        for item in watched.get("Artifacts", ())
    }
    inputs = {item["Name"]: _input(item) for item in watched.get("Inputs", ())}
    lines += _section("Hyperparameters", watched["TrainingJob"].get("HyperParameters", {}))
    lines += _section("Metrics", last)
    lines += _section("Inputs", inputs)
    lines += _section("Artifacts", artifacts)
    return "\n".join([*lines, *_section("Limits", _limits(watched.get("Resources", {})))])


def _limits(resources: Json) -> dict[str, str]:
    """Return what the job may use, what it used, and by which means it is held to that."""
    means = resources.get("Enforced", {})
    peak = resources.get("PeakMemoryMb")
    memory = words.joined(
        [
            f"{words.megabytes(resources['MemoryLimitMb'])}"
            if "MemoryLimitMb" in resources
            else None,
            f"peak {words.megabytes(peak)}" if peak is not None else None,
            f"held by {means['Memory']}" if "Memory" in means else None,
        ]
    )
    cpus = words.joined(
        [
            words.number(resources["CpuLimit"]) if "CpuLimit" in resources else None,
            f"held by {means['Cpu']}" if "Cpu" in means else None,
        ]
    )
    network = f"isolated ({means['Network']})" if "Network" in means else None
    held = {"CPUs": cpus, "Memory": memory, "Network": network}
    return {name: text for name, text in held.items() if text}


def _input(item: Json) -> str:
    size = words.size(item["Bytes"]) if "Bytes" in item else None
    return words.joined([item["Kind"], size, item.get("Detail")])


def _endpoint(watched: Json) -> str:
    card = watched["Card"]
    workers, self_test = card["Workers"], watched.get("SelfTest", {})
    facts = {
        "Failure": card.get("FailureReason"),
        "Address": card.get("Url"),
        "Model": card.get("ModelName"),
        "Workers": f"{workers['Current']} of {workers['Desired']}",
        "Requests": f"{card['Requests']}, refused {card['Errors4xx']}, failed {card['Errors5xx']}",
        "Network": f"isolated ({card['Network']})" if "Network" in card else None,
        "Self-test": self_test.get("Message"),
        "Compilation": watched.get("Compilation", {}).get("Message"),
    }
    if "LatencyP50Ms" in card:
        facts["Median"] = f"{card['LatencyP50Ms']:.1f} ms"
    known = {name: fact for name, fact in facts.items() if fact}
    head = words.joined([card["EndpointName"], card["EndpointStatus"]])
    return "\n".join([head, *_section("", known)])


def _section(title: str, items: dict[str, str]) -> list[str]:
    if not items:
        return []
    table = words.lines([(f"  {name}", value) for name, value in items.items()])
    return [*([title] if title else []), table]
