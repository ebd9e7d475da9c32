"""Numbered names."""

from __future__ import annotations

import threading

import pytest

from jupyter_ml.contract.errors import UsageError, ValidationException
from jupyter_ml.toolkit.naming import checked, create_numbered, last_number


def component(client):
    return lambda name: client.call("CreateTrialComponent", {"TrialComponentName": name})


def test_the_last_number_counts_only_names_of_that_base(workspace):
    taken = ["cancer-1", "cancer-9", "cancer-10", "cancer-big-999", "cancer-011", "cancer"]
    for name in [*taken, "Cancer-99", "canc-er-77"]:
        component(workspace)(name)
    assert last_number(workspace, "TrialComponent", "cancer") == 10
    assert last_number(workspace, "TrialComponent", "other") == 0
    assert last_number(workspace, "TrainingJob", "cancer") == 0


def test_a_kind_of_resource_that_is_not_is_refused_with_those_that_are(workspace):
    with pytest.raises(ValidationException, match=r"'Trainings'; there are .*TrainingJob"):
        last_number(workspace, "Trainings", "cancer")


@pytest.mark.parametrize(
    ("name", "better"), [("my_model", "my-model"), ("a b", "a-b"), ("x" * 60, "x" * 57)]
)
def test_a_name_that_cannot_be_is_refused_with_one_that_can(name, better):
    with pytest.raises(UsageError, match=f"Try '{better}'"):
        checked(name)


def test_creating_again_takes_the_next_number(workspace):
    made = [
        create_numbered(workspace, "TrialComponent", "run", component(workspace)) for _ in range(3)
    ]
    assert made == ["run-1", "run-2", "run-3"]
    assert last_number(workspace, "TrialComponent", "run") == 3


def test_two_that_create_at_once_get_different_numbers(workspace):
    made = []

    def create():
        made.append(create_numbered(workspace, "TrialComponent", "run", component(workspace)))

    threads = [threading.Thread(target=create) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [f"run-{n}" for n in range(1, 7)]
