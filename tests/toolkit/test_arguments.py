"""Whatever the public functions are called with, what is of no use is refused in a sentence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

import jupyter_ml as ml
from jupyter_ml.contract.errors import UsageError
from jupyter_ml.toolkit.endpoints import Endpoint, deploy
from jupyter_ml.toolkit.jobs import TrainingJob
from jupyter_ml.toolkit.submission import Sizing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WRONG = [3, None, b"bytes", ["a"], 1.5, object()]


def in_run(use: Callable[[], object]) -> None:
    with ml.run("probe"):
        use()


def run(name: Any) -> None:
    with ml.run(name):
        raise AssertionError


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., object]:
    script = tmp_path / "train.py"
    script.write_text("print(1)\n")
    return lambda **options: ml.train(script, **options)


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
@pytest.mark.parametrize(
    "call",
    [ml.job, ml.endpoint, run, lambda it: ml.compare(it, it), ml.load_channel, ml.train],
    ids=["job", "endpoint", "run", "compare", "load_channel", "train"],
)
def test_a_name_that_is_no_text_is_refused(
    workspace: Any, call: Callable[[Any], object], wrong: Any
) -> None:
    with pytest.raises(UsageError, match=r"ml\.|script") as refused:
        call(wrong)
    assert wrong is None or re.search(r"not .", str(refused.value))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ml.jobs(3), "not 3"),  # type: ignore[arg-type]
        (lambda: ml.runs(3), "not 3"),  # type: ignore[arg-type]
        (lambda: ml.runs(order_by=3), "not 3"),  # type: ignore[arg-type]
        (lambda: ml.runs(limit="a"), "not 'a'"),  # type: ignore[arg-type]
        (lambda: ml.use_boto3(3), "not 3"),  # type: ignore[arg-type]
        (lambda: ml.progress("a"), "not 'a'"),  # type: ignore[arg-type]
        (lambda: ml.progress(1, "b"), "not 'b'"),  # type: ignore[arg-type]
        (lambda: ml.progress(None), "not None"),  # type: ignore[arg-type]
        (lambda: ml.progress(1, 2, label=3), "not 3"),  # type: ignore[arg-type]
        (lambda: TrainingJob("a").wait("soon"), "not 'soon'"),  # type: ignore[arg-type]
        (lambda: TrainingJob("a").logs("all"), "not 'all'"),  # type: ignore[arg-type]
        (lambda: TrainingJob("a").result(3), "not 3"),  # type: ignore[arg-type]
        (lambda: TrainingJob("a").deploy(3), "not 3"),  # type: ignore[arg-type]
        (lambda: deploy("a"), "not 'a'"),  # type: ignore[arg-type]
        (lambda: deploy(TrainingJob("a"), compile="off"), "not 'off'"),  # type: ignore[arg-type]
        (lambda: Endpoint("a").wait("soon"), "not 'soon'"),  # type: ignore[arg-type]
        (lambda: Endpoint("a").predict(None), "not None"),
        (lambda: Endpoint("a").predict(3), "not 3"),
        (lambda: Endpoint("a").predict("row"), "not 'row'"),
    ],
)
def test_an_argument_of_another_type_is_refused(
    workspace: Any, call: Callable[[], object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        call()


@pytest.mark.parametrize(
    "options",
    [
        {"name": 3},
        {"inputs": 3},
        {"inputs": ["a"]},
        {"inputs": {3: "a"}},
        {"inputs": {"a": 3}},
        {"hyperparameters": [1]},
        {"hyperparameters": {1: 2}},
        {"hyperparameters": {"a": object()}},
        {"metrics": 3},
        {"metrics": {"a": 3}},
        {"sizing": "ml.m5.large"},
        {"source_dir": 3},
    ],
    ids=repr,
)
def test_an_option_of_a_job_that_is_of_no_use_is_refused(
    workspace: Any, train: Callable[..., object], options: dict[str, Any]
) -> None:
    with pytest.raises(UsageError):
        train(**options)


def test_sizes_are_as_they_were(workspace: Any, train: Callable[..., object]) -> None:
    with pytest.raises(UsageError, match="Sizing"):
        train(sizing={"instance_type": "ml.local"})
    assert Sizing().instance_count == 1


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: ml.log("a"), r"by name.*not 'a'"),  # type: ignore[arg-type]
        (lambda: ml.log(3), r"by name.*not 3"),  # type: ignore[arg-type]
        (lambda: ml.log([("a", 1)]), r"by name.*not \["),  # type: ignore[arg-type]
        (lambda: ml.log(a="x"), "Metric 'a' must be a number"),  # type: ignore[arg-type]
        (lambda: ml.log(a=1, step="x"), r"step.*not 'x'"),  # type: ignore[arg-type]
        (lambda: ml.log(a=1, step=1.5), r"step.*not 1\.5"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_logged_is_named(
    workspace: Any, use: Callable[[], object], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        in_run(use)
