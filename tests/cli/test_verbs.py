"""The dispatcher: parsing, help, suggestions and completion, whatever the surface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.contract.errors import ServiceUnavailable, UsageError
from jupyter_ml.toolkit.verbs import VERBS, complete, dispatch, load, parser_of, summary_of

if TYPE_CHECKING:
    import argparse


def nobody() -> Any:
    raise AssertionError("this verb needs no client")


class Names:
    """Knows two jobs that run and one endpoint, and nothing else."""

    def call(self, operation: str, _request: Any = None) -> dict[str, Any]:
        if operation == "WatchTrainingJobs":
            return {"Jobs": [{"TrainingJobName": "cancer-1"}, {"TrainingJobName": "digits-1"}]}
        if operation == "ListTrainingJobs":
            names = ["cancer-1", "digits-1"]
            return {"TrainingJobSummaries": [{"TrainingJobName": name} for name in names]}
        if operation == "ListEndpoints":
            return {"Endpoints": [{"EndpointName": "cancer"}]}
        raise ServiceUnavailable(operation)


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_has_a_module_a_summary_and_help(name: str) -> None:
    assert hasattr(load(name), "run")
    assert summary_of(name).endswith((".", ")")) or summary_of(name)
    assert f"jupyter ml {name}" in parser_of(name).format_help()
    assert f"%ml {name}" in str(dispatch([name, "--help"], nobody, prog="%ml"))


def test_no_words_list_the_verbs() -> None:
    text = str(dispatch("", nobody))
    assert all(f"  {name} " in text for name in VERBS)


def test_help_explains_one_verb() -> None:
    assert "--follow" in str(dispatch("help logs", nobody))


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("stats", "Did you mean status?"),
        ("depoly x", "Did you mean deploy?"),
        ("frobnicate", "The verbs are status, list"),
        ("logs cancer --folow", "Did you mean --follow?"),
        ("logs", "required: NAME"),
        ("list animals", "invalid choice: 'animals'"),
        ("list animals", "jobs, endpoints, models, runs"),
        ("list job", "Did you mean jobs?"),
        ("list --status Faled", "Did you mean Failed?"),
        ("list --last 1", "There is no --last here."),
        ("train --cpus 2 x.py", "There is no --cpus here.\n"),
        ("logs 'cancer", "Close the quotation mark"),
        ("list --status Failed endpoints", "--status is for jobs"),
    ],
)
def test_a_misused_line_says_what_is_meant(line: str, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        dispatch(line, Names)  # type: ignore[arg-type]
    assert hint in str(refused.value)


def test_a_cell_under_a_verb_that_takes_none_is_refused() -> None:
    with pytest.raises(UsageError, match="takes no cell"):
        dispatch("status", nobody, prog="%ml", cell="x = 1")


def test_a_verb_sees_its_options_and_who_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[argparse.Namespace] = []
    monkeypatch.setattr(load("du"), "run", lambda _, args: seen.append(args))
    dispatch("du -n 3", Names, prog="%ml", shell="the shell")  # type: ignore[arg-type]
    assert (seen[0].limit, seen[0].prog, seen[0].shell, seen[0].cell) == (
        3,
        "%ml",
        "the shell",
        None,
    )


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["st"], ["status", "stop"]),
        (["logs", ""], ["cancer-1", "digits-1", "cancer"]),
        (["logs", "can"], ["cancer-1", "cancer"]),
        (["logs", "--f"], ["--follow"]),
        (["stop", "cancer-1", ""], ["digits-1"]),
        (["list", "e"], ["endpoints"]),
        (["list", "--status", "F"], ["Failed"]),
        (["list", "--name", ""], []),
        (["help", "lo"], ["logs"]),
        (["nonsense", ""], []),
    ],
)
def test_completion_offers_what_fits(words: list[str], found: list[str]) -> None:
    assert complete(Names(), words) == found  # type: ignore[arg-type]
