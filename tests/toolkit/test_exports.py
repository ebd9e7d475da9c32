"""Runs exported to MLflow and TensorBoard, read back with their own readers."""

from __future__ import annotations

import math
import sys
import tarfile

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.metadata import (
    SESSION_END_INFO_TAG,
    SESSION_START_INFO_TAG,
    parse_session_end_info_plugin_data,
    parse_session_start_info_plugin_data,
)

import jupyter_ml as ml
from jupyter_ml.cli import main
from jupyter_ml.contract.errors import MLError
from jupyter_ml.toolkit.exports.mlflow import _renamed

# MLflow's own database code uses what SQLAlchemy has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")


@pytest.fixture
def store(tmp_path, monkeypatch):
    """The address of an MLflow store in a database, and its client."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient  # noqa: PLC0415  (takes seconds, and reads the variable)

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    return uri, MlflowClient(uri)


@pytest.fixture
def scalars():
    """Read back what an event folder holds: (step, value) by tag."""

    def read(folder):
        events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
        return {tag: events.Scalars(tag) for tag in events.Tags()["scalars"]}, events

    return read


def _history(client, run_id, name):
    return [(one.step, one.timestamp, one.value) for one in client.get_metric_history(run_id, name)]


def _baseline(points=3, **parameters):
    with ml.run("baseline", depth=3, **parameters) as run:
        for step in range(points):
            ml.log({"val/loss": 1 / (step + 1)}, step=step)
    return run


def test_mlflow_gets_parameters_points_times_state_and_tags(workspace, store):
    uri, client = store
    run = _baseline(kind="small")
    arn = workspace.call("DescribeTrialComponent", {"TrialComponentName": run.name})
    arn = arn["TrialComponentArn"]
    workspace.call("AddTags", {"ResourceArn": arn, "Tags": [{"Key": "team", "Value": "blue"}]})
    exported = run.to_mlflow(uri)
    found = client.get_run(exported.info.run_id)
    got = workspace.call("GetRun", {"RunName": run.name})
    series = workspace.call("GetRunMetrics", {"RunName": run.name})["Series"][0]
    assert client.get_experiment(found.info.experiment_id).name == "baseline"
    assert found.data.params == {"depth": "3", "kind": "small"}
    assert _history(client, found.info.run_id, "val/loss") == [
        (step, round(at * 1000), value)
        for step, at, value in zip(series["Steps"], series["Times"], series["Values"], strict=True)
    ]
    assert found.info.status == "FINISHED"
    assert found.info.run_name == "baseline-1"
    assert found.info.start_time == round(got["CreationTime"] * 1000)
    assert found.info.end_time == round(got["EndTime"] * 1000)
    assert found.data.tags["jupyter_ml.arn"] == arn
    assert found.data.tags["team"] == "blue"


def test_exporting_twice_brings_the_same_run_up_to_date(workspace, store):
    uri, client = store
    with ml.run("growing") as run:
        run.log(loss=1.0)
        run.log(loss=math.nan)
        run.log(loss=math.inf)
        first = run.to_mlflow(uri, "mine")
        run.log(loss=0.5)
    assert first.info.status == "RUNNING"
    again = [run.to_mlflow(uri, "mine") for _ in range(2)]
    assert {one.info.run_id for one in again} == {first.info.run_id}
    assert again[0].info.status == "FINISHED"
    values = [value for _, _, value in _history(client, first.info.run_id, "loss")]
    assert len(values) == 4
    assert (values[0], values[3]) == (1.0, 0.5)
    assert math.isnan(values[1])
    experiment = client.get_experiment_by_name("mine").experiment_id
    assert len(client.search_runs([experiment])) == 1


def test_a_name_that_was_used_again_is_another_run(workspace, store):
    uri, _ = store
    first = _baseline().to_mlflow(uri)
    workspace.call("DeleteTrialComponent", {"TrialComponentName": "baseline-1"})
    again = _baseline()
    assert (again.name, again.to_mlflow(uri).info.run_id != first.info.run_id) == (
        "baseline-1",
        True,
    )


def test_more_points_than_a_batch_arrive_all(workspace, store):
    uri, client = store
    exported = _baseline(points=2_345).to_mlflow(uri)
    history = _history(client, exported.info.run_id, "val/loss")
    assert [step for step, _, _ in history] == list(range(2_345))


def test_a_failed_run_is_failed_there_with_its_message(workspace, store):
    uri, _ = store
    with pytest.raises(ZeroDivisionError), ml.run("broken") as run:
        ml.log(loss=1 / 0)
    exported = run.to_mlflow(uri)
    assert exported.info.status == "FAILED"
    assert "ZeroDivisionError" in exported.data.tags["jupyter_ml.message"]


def test_a_store_that_refuses_is_named(workspace, store, monkeypatch):
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)
    with pytest.raises(MLError, match=r"baseline-1 was not exported to nowhere://x: "):
        _baseline().to_mlflow("nowhere://x")


def test_names_that_mlflow_refuses_are_replaced_and_stay_apart():
    wanted = {"error@0.5": 1, "error#0.5": 2, "../up": 3, "train:auc": 4, "a//b": 5}
    assert _renamed(wanted) == {
        "error_0.5": 1,
        "error_0.5_2": 2,
        "_up": 3,
        "train:auc": 4,
        "a__b": 5,
    }


def test_event_files_hold_the_points_with_steps_and_times(workspace, scalars, tmp_path):
    run = _baseline(points=50)
    folder = run.to_tensorboard(tmp_path / "logs")
    assert folder == tmp_path / "logs" / "baseline-1"
    series = workspace.call("GetRunMetrics", {"RunName": run.name})["Series"][0]
    found, _ = scalars(folder)
    assert [event.step for event in found["val/loss"]] == series["Steps"]
    assert [event.wall_time for event in found["val/loss"]] == series["Times"]
    values = [event.value for event in found["val/loss"]]
    assert values == pytest.approx(series["Values"], rel=1e-6)  # single precision, as events are


def test_event_files_hold_parameters_state_and_source(run, scalars, tmp_path):
    run("with ml.run('base', depth=3, kind='small') as first:\n    ml.log(auc=0.5)")
    run(f"folder = first.to_tensorboard({str(tmp_path)!r})")
    _, events = scalars(tmp_path / "base-1")
    told = events.PluginTagToContent("hparams")
    start = parse_session_start_info_plugin_data(told[SESSION_START_INFO_TAG])
    assert start.hparams["depth"].number_value == 3
    assert start.hparams["kind"].string_value == "small"
    assert parse_session_end_info_plugin_data(told[SESSION_END_INFO_TAG]).status == 1
    (source,) = events.Tensors("source")
    assert b"ml.log(auc=0.5)" in source.tensor_proto.string_val[0]


def test_event_files_are_replaced_and_others_stay(workspace, scalars, tmp_path):
    with ml.run("growing") as run:
        run.log(loss=1.0)
        folder = run.to_tensorboard(tmp_path)
        assert [event.value for event in scalars(folder)[0]["loss"]] == [1.0]
        (folder / "mine.txt").write_text("stays")
        run.log(loss=0.5)
    run.to_tensorboard(tmp_path)
    assert [event.value for event in scalars(folder)[0]["loss"]] == [1.0, 0.5]
    assert len(list(folder.glob("events.*"))) == 1
    assert (folder / "mine.txt").exists()


def test_a_job_goes_to_mlflow_with_its_model_source_and_origin(run, store):
    uri, client = store
    run(
        "%%ml train --name cancer -o model --wait\n"
        "import jupyter_ml as ml\nfrom sklearn.dummy import DummyClassifier\n"
        "model = DummyClassifier().fit([[0], [1]], [0, 1])\nml.log(auc=0.5)"
    )
    job = ml.job("cancer")
    exported = job.to_mlflow(uri, model=True)
    run_id = exported.info.run_id
    assert exported.data.metrics == {"auc": 0.5}
    assert exported.data.tags["jupyter_ml.kind"] == "TrainingJob"
    with tarfile.open(client.download_artifacts(run_id, "model/model.tar.gz")) as archive:
        assert "model.joblib" in {name.removeprefix("./") for name in archive.getnames()}
    with open(client.download_artifacts(run_id, "source.txt")) as file:  # noqa: PTH123
        assert "DummyClassifier" in file.read()
    assert {one.path for one in client.list_artifacts(run_id)} == {
        "model",
        "origin.json",
        "source.txt",
    }


def test_the_verb_exports_to_both(workspace, store, scalars, tmp_path, capsys):
    uri, client = store
    _baseline()
    logdir = str(tmp_path / "logs")
    assert main(["export", "baseline", "--mlflow", uri, "--tensorboard", logdir]) == 0
    printed = capsys.readouterr().out
    experiment = client.get_experiment_by_name("baseline").experiment_id
    (found,) = client.search_runs([experiment])
    assert f"baseline-1: run {found.info.run_id} in MLflow" in printed
    assert len(scalars(tmp_path / "logs" / "baseline-1")[0]["val/loss"]) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Say where to"),
        (["--tensorboard", "logs", "--model"], "name it with --mlflow"),
        (["--mlflow", "sqlite:///x.db", "--model"], "baseline-1 has no model to export"),
    ],
)
def test_the_verb_says_what_is_missing(workspace, words, message, capsys):
    _baseline()
    assert main(["export", "baseline", *words]) != 0
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("library", "module", "option"),
    [
        ("MLflow", "mlflow", ["--mlflow", "sqlite:///x.db"]),
        ("TensorBoard", "tensorboard.compat.proto.event_pb2", ["--tensorboard", "logs"]),
    ],
)
def test_a_missing_library_is_named_with_its_extra(
    workspace, library, module, option, monkeypatch, capsys
):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setitem(sys.modules, module, None)  # what an import of a missing one meets
    _baseline()
    assert main(["export", "baseline", *option]) == 1
    printed = capsys.readouterr().err
    assert f"{library} cannot be imported" in printed
    assert f"pip install 'jupyter-ml[{library.lower()}]'" in printed
