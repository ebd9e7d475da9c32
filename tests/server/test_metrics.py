"""The workspace's figures as Prometheus reads them; its own client's parser is the oracle."""

from __future__ import annotations

import asyncio
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.server.test_api import call


async def figures(jp_fetch: Any) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return each series' value by its name and labels."""
    response = await jp_fetch("jupyter-ml", "metrics")
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.body.decode())
        for sample in family.samples
    }


async def test_what_the_workspace_has_is_counted(jp_fetch: Any) -> None:
    before = await figures(jp_fetch)
    assert before["jupyter_ml_attempts", (("state", "Queued"),)] == 0
    await call(jp_fetch, "CreateExperiment", {"ExperimentName": "first"})
    await call(jp_fetch, "CreateExperiment", {"ExperimentName": "second"})
    after = await figures(jp_fetch)
    kind = (("kind", "Experiment"), ("status", ""))
    assert after["jupyter_ml_resources", kind] == 2
    events = ("jupyter_ml_events_total", ())
    assert after[events] == before[events] + 2
    assert after["jupyter_ml_disk_free_bytes", ()] > after["jupyter_ml_disk_floor_bytes", ()]
    assert after["jupyter_ml_workspace_bytes", (("kind", "Store"),)] > 0
    (info,) = [labels for name, labels in after if name == "jupyter_ml_info"]
    assert dict(info)["region"] == "eu-test-1"


async def test_scrapers_may_ask_at_once(jp_fetch: Any) -> None:
    answers = await asyncio.gather(*(figures(jp_fetch) for _ in range(8)))
    assert len({frozenset(answer) for answer in answers}) == 1


async def test_statuses_are_those_that_descriptions_have(jp_fetch: Any) -> None:
    created = await call(jp_fetch, "GetWorkspaceCounts")
    assert [one["State"] for one in created["Attempts"]] == ["Queued", "Starting", "Running"]
    run = {"TrialComponentName": "a", "Status": {"PrimaryStatus": "InProgress"}}
    await call(jp_fetch, "CreateTrialComponent", run)
    counts = (await call(jp_fetch, "GetWorkspaceCounts"))["Resources"]
    assert [one["Count"] for one in counts if one["ResourceType"] == "TrialComponent"] == [1]
