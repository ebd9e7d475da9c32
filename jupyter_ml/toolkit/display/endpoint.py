"""How endpoints look: a card with address, schema and checks; a list."""

from __future__ import annotations

import shlex
from html import escape
from typing import Any

from jupyter_ml.toolkit.display import words
from jupyter_ml.toolkit.display.bundle import Shown

_LONGEST_COMMAND = 300


def shown_endpoint(update: dict[str, Any], ready_s: float | None) -> Shown:
    """Return how one endpoint looks.

    Parameters
    ----------
    update
        Answer of `WatchEndpoint` without a cursor.
    ready_s
        How long this kernel waited for it, in seconds; None when it did not.
    """
    card = update["Card"]
    name, status = card["EndpointName"], card["EndpointStatus"]
    state = status if ready_s is None else f"{status} in {words.duration(ready_s)}"
    reason, url = card.get("FailureReason"), card.get("Url")
    facts = [_self_test(update), _differences(update), reason, url]
    curl = sample_command(update)
    long = curl is not None and len(curl) > _LONGEST_COMMAND
    hint = f"curl: print(ml.endpoint({name!r}).curl)" if long else curl
    text = words.joined([state, *facts, _compilation(update), hint])
    html = words.card(
        words.heading(
            name, words.joined([words.status_text(status) + state[len(status) :], *facts])
        ),
        words.quiet(words.joined([card.get("ModelName"), _traffic(card)])),
        words.quiet((update.get("Compilation") or {}).get("Message", "")),
        words.preformatted(curl) if curl else "",
        words.folded("Columns", _columns(update)),
        words.folded("Libraries", _checks(update)),
    )
    return Shown(text, html, "Endpoint", {"EndpointName": name}, update)


def sample_command(update: dict[str, Any]) -> str | None:
    """Return a shell command that sends a sample request; None where nothing answers.

    The token is read from its file when the command runs, so that no notebook holds it.
    """
    card = update["Card"]
    if not card.get("Url"):
        return None
    schema = update.get("Schema") or {}
    kind = schema.get("ContentType") or "application/json"
    body = schema.get("SampleRequest") or "[[0]]"
    parts = ["curl", shlex.quote(card["Url"]), "-H", shlex.quote(f"Content-Type: {kind}")]
    if card.get("TokenFile"):
        parts += ["-H", f'"Authorization: Bearer $(cat {shlex.quote(card["TokenFile"])})"']
    return " ".join([*parts, "-d", shlex.quote(body)])


def shown_endpoints(update: dict[str, Any]) -> Shown:
    """Return how a list of endpoints looks; `update` is an answer of `WatchEndpoints`."""
    rows = [
        (
            card["EndpointName"],
            words.status_text(card["EndpointStatus"]),
            card.get("ModelName") or "",
            _traffic(card) or "",
        )
        for card in update["Endpoints"]
    ]
    if not rows:
        text = "No endpoints. Serve the model of a job with job.deploy(NAME)."
        return Shown(text, words.card(words.quiet(text)), "Endpoints", {}, update)
    columns = ("Endpoint", "Status", "Model", "Requests")
    html = words.card(words.table(columns, rows))
    return Shown(words.lines([columns, *rows]), html, "Endpoints", {}, update)


def _self_test(update: dict[str, Any]) -> str | None:
    test = update.get("SelfTest")
    if not test:
        return None
    if test.get("Passed") is None:
        return "no self-test"
    if test["Passed"]:
        return "self-test passed"
    return f"self-test failed: {test.get('Message', '')}"


def _differences(update: dict[str, Any]) -> str:
    differing = [check for check in update.get("Checks") or [] if not check["Ok"]]
    return "; ".join(
        f"trained with {check['Library']} {check['Trained']}, "
        + (f"served with {check['Serving']}" if check.get("Serving") else "not here")
        for check in differing
    )


def _compilation(update: dict[str, Any]) -> str | None:
    compilation = update.get("Compilation") or {}
    if compilation.get("Status") != "Compiled":
        return None
    return f"{compilation['Speedup']:.0f} times faster by {compilation['Engine']}"


def _traffic(card: dict[str, Any]) -> str | None:
    if not card.get("Requests"):
        return "no requests yet"
    errors = card.get("Errors4xx", 0) + card.get("Errors5xx", 0)
    median = card.get("LatencyP50Ms")
    return words.joined(
        [
            f"{card['Requests']} requests",
            f"{errors} errors" if errors else None,
            f"median {median:.1f} ms" if median is not None else None,
        ]
    )


def _columns(update: dict[str, Any]) -> str:
    columns = (update.get("Schema") or {}).get("Columns") or []
    return escape(", ".join(str(column["Name"]) for column in columns))


def _checks(update: dict[str, Any]) -> str:
    rows = [
        (
            check["Library"],
            str(check.get("Trained") or ""),
            str(check.get("Serving") or ""),
            "✓ same" if check["Ok"] else "✗ differs",
        )
        for check in update.get("Checks") or []
    ]
    return words.table(("Library", "Trained with", "Served with", ""), rows)
