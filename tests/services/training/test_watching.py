"""What is watched of training jobs: once, only what changed, and page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from jupyter_ml.core.context import Context
from jupyter_ml.core.runtime import Principal
from jupyter_ml.core.store.tables import rows
from jupyter_ml.testing import eventually

if TYPE_CHECKING:
    from tests.services.training.conftest import Jobs


def test_what_is_watched_comes_once_and_only_when_it_changed(jobs: Jobs) -> None:
    jobs.run("job-1", "print('x=1')")
    first = jobs.client.call("WatchTrainingJobs", {})
    assert first["Reset"]
    assert [card["TrainingJobName"] for card in first["Jobs"]] == ["job-1"]
    assert first["Counts"]["Completed"] == 1
    second = jobs.client.call("WatchTrainingJobs", {"Cursor": first["Cursor"]})
    assert (second["Reset"], second["Jobs"], second["Removed"]) == (False, [], [])
    one = jobs.watch("job-1")
    assert (one["Reset"], one["Ended"]) == (True, True)
    assert [item["Name"] for item in one["Artifacts"]] == ["model.tar.gz"]
    again = jobs.watch("job-1", one["Cursor"])
    assert set(again) == {"Cursor", "Reset", "Ended"}
    jobs.client.call("DeleteTrainingJob", {"TrainingJobName": "job-1"})
    third = jobs.client.call("WatchTrainingJobs", {"Cursor": second["Cursor"]})
    assert third["Removed"] == ["job-1"]


def test_hundreds_of_jobs_are_watched(jobs: Jobs) -> None:
    described = jobs.run("job-1", "pass")
    name = "a-rather-long-name-of-a-training-job-that-ended-some-time-ago"
    with Context(jobs.client.runtime, Principal("tester", "test")).writing() as ctx:
        row = ctx.get("TrainingJob", "job-1")
        for number in range(300):
            known = {"observed": row.observed, "private": row.private}
            ctx.add("TrainingJob", f"{name}-{number}", request=row.request, **known)
    first = jobs.client.call("WatchTrainingJobs", {"MaxResults": 300})
    assert len(first["Jobs"]) == 300
    with Context(jobs.client.runtime, Principal("tester", "test")).writing() as ctx:
        ctx.update(ctx.get("TrainingJob", f"{name}-7"), observed={"FailureReason": "changed"})
    request = {"MaxResults": 300, "Cursor": first["Cursor"]}
    changed = jobs.client.call("WatchTrainingJobs", request)
    (card,) = changed["Jobs"]
    assert (card["TrainingJobName"], card["FailureReason"]) == (f"{name}-7", "changed")
    assert described["TrainingJobStatus"] == card["TrainingJobStatus"]
    again = jobs.client.call("WatchTrainingJobs", {**request, "Cursor": changed["Cursor"]})
    assert (again["Jobs"], again["Cursor"]) == ([], changed["Cursor"])


def test_many_jobs_are_told_of_page_by_page_the_newest_first(jobs: Jobs) -> None:
    jobs.run("job-0", "pass")
    ctx = Context(jobs.client.runtime, Principal("tester", "test"))
    with ctx.writing():
        row = ctx.get("TrainingJob", "job-0")
        known = {"observed": row.observed, "private": row.private}
        for number in range(1, 25):
            ctx.add("TrainingJob", f"job-{number}", request=row.request, **known)
        ctx.connection.execute(sa.update(rows).values(modified_at=1000.0 * rows.c.id))
    request: dict[str, Any] = {"MaxResults": 22, "PageSize": 10}
    pages = []
    while not pages or pages[-1]:
        update = jobs.client.call("WatchTrainingJobs", request)
        assert update["Reset"] == ("Cursor" not in request)
        assert update["Counts"]["Completed"] == 25
        request["Cursor"] = update["Cursor"]
        pages.append([card["TrainingJobName"] for card in update["Jobs"]])
    names = [f"job-{number}" for number in range(24, 2, -1)]
    assert pages == [names[:10], names[10:20], names[20:], []]


def test_what_is_watched_is_told_of_jobs_that_go_come_again_and_change_long_after(
    jobs: Jobs,
) -> None:
    jobs.run("job-1", "pass")
    jobs.run("job-2", "pass")
    ctx = Context(jobs.client.runtime, Principal("tester", "test"))
    with ctx.writing():
        for row in ctx.rows("TrainingJob"):
            ended = sa.update(rows).where(rows.c.id == row.id)
            ctx.connection.execute(ended.values(created_at=10.0 * row.id, modified_at=1000.0))
    seen = jobs.client.call("WatchTrainingJobs", {})
    assert [card["TrainingJobName"] for card in seen["Jobs"]] == ["job-2", "job-1"]

    def look() -> tuple[list[str], list[str]]:
        update = jobs.client.call("WatchTrainingJobs", {"Cursor": seen["Cursor"]})
        seen["Cursor"] = update["Cursor"]
        assert not update["Reset"]
        return [card["TrainingJobName"] for card in update["Jobs"]], update["Removed"]

    with ctx.writing():
        ctx.update(ctx.get("TrainingJob", "job-1"), observed={"FailureReason": "late"})
    assert look() == (["job-1"], [])
    assert look() == ([], [])
    jobs.client.call("DeleteTrainingJob", {"TrainingJobName": "job-1"})
    jobs.client.call("DeleteTrainingJob", {"TrainingJobName": "job-2"})
    jobs.run("job-2", "print('again')")
    assert look() == (["job-2"], ["job-1"])
    assert look() == ([], [])


def test_a_job_that_is_no_longer_what_is_watched_is_taken_away(jobs: Jobs) -> None:
    jobs.create("job-1", "import threading; threading.Event().wait()")
    request = {"StatusEquals": "InProgress"}
    first = jobs.client.call("WatchTrainingJobs", request)
    assert len(first["Jobs"]) == 1
    jobs.client.call("StopTrainingJob", {"TrainingJobName": "job-1"})
    jobs.wait("job-1")
    second = jobs.client.call("WatchTrainingJobs", {**request, "Cursor": first["Cursor"]})
    assert (second["Jobs"], second["Removed"]) == ([], ["job-1"])


def test_metrics_are_watched_as_they_come_and_never_twice(jobs: Jobs) -> None:
    jobs.create(
        "job-1",
        "import os, pathlib, threading\n"
        "print('loss=3', flush=True)\n"
        "go = pathlib.Path(os.environ['GO'])\n"
        "while not go.exists(): threading.Event().wait(0.05)\n"
        "print('loss=2', flush=True)\n",
        Environment={"GO": str(jobs.folder / "go")},
        AlgorithmSpecification={
            "TrainingImage": "python",
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.)"}],
        },
    )
    seen: list[float] = []
    cursor = None

    def poll(count: int) -> bool:
        nonlocal cursor
        answer = jobs.watch("job-1", cursor)
        cursor = answer["Cursor"]
        for series in answer.get("Series", []):
            seen.extend(series["Values"])
        return len(seen) >= count

    eventually(lambda: poll(1), timeout_s=60)
    assert jobs.describe("job-1")["SecondaryStatus"] == "Training"
    (jobs.folder / "go").touch()
    jobs.wait("job-1")
    eventually(lambda: poll(2), timeout_s=60)
    assert seen == [3.0, 2.0]


def test_a_second_job_is_compared_with_the_first_of_its_name(jobs: Jobs) -> None:
    definitions = [{"Name": "auc", "Regex": r"auc=(\S+)"}]
    for number, value in enumerate((0.5, 0.75), 1):
        jobs.run(
            f"cancer-{number}",
            f"print('auc={value}')",
            AlgorithmSpecification={"TrainingImage": "python", "MetricDefinitions": definitions},
        )
    objective = jobs.watch("cancer-2")["Card"]["Objective"]
    assert (objective["Value"], objective["Baseline"], objective["Delta"]) == (
        0.75,
        "cancer-1",
        0.25,
    )


def test_a_program_logs_metrics_and_progress_by_itself(jobs: Jobs) -> None:
    job = jobs.run(
        "job-1",
        "import jupyter_ml as ml\n"
        "for step in range(10):\n"
        "    ml.log(auc=step / 10, step=step)\n"
        "    ml.log({'val/loss': 1.0}, step=step)\n"
        "    ml.progress(step + 1, 10)\n",
    )
    assert job["TrainingJobStatus"] == "Completed", job
    final = {item["MetricName"]: item["Value"] for item in job["FinalMetricDataList"]}
    assert final == {"auc": 0.9, "val/loss": 1.0}
    watched = jobs.watch("job-1")
    series = {item["Name"]: item["Steps"] for item in watched["Series"]}
    assert series == {"auc": list(range(10)), "val/loss": list(range(10))}
    assert watched["Card"]["Objective"]["Name"] == "val/loss"
