"""Jobs that run what a container would: any program, which finds everything at /opt/ml."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ordinary
import pytest

from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.services.training.plan import TrainingPlan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.services.training.conftest import Jobs

HERE = Path(__file__).parent
USERS = ["the user of the tests", *(["an ordinary user"] if os.geteuid() == 0 else [])]
ALGORITHM = """#!/bin/bash
# An algorithm in a language that knows nothing of Python.
set -eu
cd /opt/ml
depth=$(grep -o '"max_depth": "[0-9]*"' input/config/hyperparameters.json | grep -o '[0-9]*')
echo "host $(grep -o '"current_host": "[^"]*"' input/config/resourceconfig.json)"
sum=0
while read -r number; do sum=$((sum + number)); done < input/data/train/numbers.csv
echo "sum=$sum depth=$depth where=$(pwd) who=$(id -u)"
echo "$sum" > model/sum.txt
echo "log" > output/data/report.txt
ls -d checkpoints > /dev/null
"""


class Desk:
    """Runs jobs as one user, who has a workspace of its own."""

    def __init__(self, *, is_ordinary: bool) -> None:
        self.folder = Path(tempfile.mkdtemp(dir="/tmp"))
        self.before = [sys.executable]
        self.number = os.getuid()
        if is_ordinary:
            self.before += [ordinary.__file__, sys.executable]
            self.number = ordinary.NUMBER
            os.chown(self.folder, self.number, self.number)

    def source(self, files: dict[str, str]) -> str:
        path = self.folder / "sourcedir.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for name, text in files.items():
                (self.folder / name).write_text(text)
                archive.add(self.folder / name, name)
        path.chmod(0o644)
        return path.as_uri()

    def data(self, text: str) -> list[dict[str, Any]]:
        path = self.folder / "numbers.csv"
        path.write_text(text)
        path.chmod(0o644)
        source = {"S3DataSource": {"S3Uri": path.as_uri(), "S3DataType": "S3Prefix"}}
        return [{"ChannelName": "train", "DataSource": source}]

    def run(self, *requests: dict[str, Any], before: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        named = [
            {"TrainingJobName": f"job-{number}", **request}
            for number, request in enumerate(requests, 1)
        ]
        command = [*before, *self.before, str(HERE / "run_job.py"), str(self.folder)]
        env = {**os.environ, "HOME": str(self.folder)}
        done = subprocess.run(
            [*command, json.dumps(named)], capture_output=True, text=True, check=False, env=env
        )
        assert done.returncode == 0, done.stderr
        answers: list[dict[str, Any]] = json.loads(done.stdout)
        return answers

    def packed(self, job: dict[str, Any], name: str = "model.tar.gz") -> dict[str, str]:
        path = self.folder / "workspace" / "buckets"
        uri = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://")
        with tarfile.open((path / uri).with_name(name)) as archive:
            files = [member for member in archive.getmembers() if member.isfile()]
            return {file.name: archive.extractfile(file).read().decode() for file in files}  # type: ignore[union-attr]


@pytest.fixture(params=USERS)
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    desk = Desk(is_ordinary=request.param == "an ordinary user")
    yield desk
    shutil.rmtree(desk.folder, ignore_errors=True)


def test_an_algorithm_in_bash_trains_with_no_change(desk: Desk) -> None:
    request = {
        "AlgorithmSpecification": {
            "TrainingImage": "jupyter-ml/python",
            "TrainingInputMode": "File",
            "ContainerArguments": ["train"],
            "MetricDefinitions": [{"Name": "sum", "Regex": r"sum=(\d+)"}],
        },
        "HyperParameters": {
            "max_depth": "7",
            "sagemaker_submit_directory": desk.source({"train": ALGORITHM}),
        },
        "InputDataConfig": desk.data("1\n2\n39\n"),
        "ResourceConfig": {"InstanceType": "ml.local", "InstanceCount": 1},
    }
    cut_off = {**request, "EnableNetworkIsolation": True}
    for job in desk.run(request, cut_off):
        assert job["TrainingJobStatus"] == "Completed", job
        assert f"sum=42 depth=7 where=/opt/ml who={desk.number}" in job["Logs"][0]
        assert 'host "current_host": "algo-1"' in job["Logs"][0]
        assert desk.packed(job)["sum.txt"] == "42\n"
        assert desk.packed(job, "output.tar.gz")["report.txt"] == "log\n"
        assert job["FinalMetricDataList"][0]["Value"] == 42
        assert job["AlgorithmSpecification"]["ContainerArguments"] == ["train"]
    assert not Path("/opt/ml/input").exists()


def test_the_text_in_the_failure_file_of_a_program_is_the_reason(desk: Desk) -> None:
    script = "echo 'The data has no labels.' > /opt/ml/output/failure; exit 3"
    (job,) = desk.run(
        {"AlgorithmSpecification": {"ContainerEntrypoint": ["/bin/sh", "-c", script]}}
    )
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: The data has no labels.")


def test_links_of_an_isolated_program_publish_nothing_from_elsewhere(desk: Desk) -> None:
    (desk.folder / "private").mkdir()
    for name in ("secret", "failure"):
        (desk.folder / "private" / name).write_text("hunter2")
    script = f"""#!/bin/sh
cd "$JUPYTER_ML_ATTEMPT_DIR/ml"
mv model old
ln -s {desk.folder}/private model
ln -s {desk.folder}/private/failure output/failure
ln -s {desk.folder}/private output/data/all
mkdir -p ../out
ln -s {desk.folder}/private/secret ../out/model.tar.gz
exit 3
"""
    (job,) = desk.run(
        {
            "AlgorithmSpecification": {"ContainerEntrypoint": ["train"]},
            "HyperParameters": {"sagemaker_submit_directory": desk.source({"train": script})},
            "Environment": {"JUPYTER_ML_OPT_ML": "off"},
            "EnableNetworkIsolation": True,
        }
    )
    assert job["TrainingJobStatus"] == "Failed"
    assert "exit code 3" in job["FailureReason"]
    assert "hunter2" not in json.dumps(job)
    assert "ModelArtifacts" not in job
    kept = list((desk.folder / "workspace" / "buckets").rglob("output.tar.gz"))
    with tarfile.open(kept[0]) as archive:
        assert [each.name for each in archive.getmembers() if not each.issym()] == []


def test_python3_and_pip3_are_the_jobs_own(desk: Desk) -> None:
    script = 'python3 -c "import sys; print(sys.prefix)"; pip3 --version'
    (job,) = desk.run(
        {
            "AlgorithmSpecification": {
                "ContainerEntrypoint": ["/bin/bash", "-c"],
                "ContainerArguments": [script],
            }
        }
    )
    assert job["TrainingJobStatus"] == "Completed", job
    prefix, pip = job["Logs"][0].splitlines()
    assert prefix == sys.prefix
    assert f"python {sys.version_info[0]}.{sys.version_info[1]}" in pip


def test_a_script_that_looks_at_opt_ml_itself_is_told_how_to_and_then_does(desk: Desk) -> None:
    script = (
        "import json, os\n"
        "told = json.load(open('/opt/ml/input/config/hyperparameters.json'))\n"
        "open('/opt/ml/model/epochs', 'w').write(told['epochs'])\n"
        "print(os.environ['SM_MODEL_DIR'], __file__)\n"
    )
    request = {
        "HyperParameters": {
            "epochs": "3",
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": desk.source({"train.py": script}),
        }
    }
    told, done = desk.run(request, {**request, "Environment": {"JUPYTER_ML_OPT_ML": "on"}})
    assert told["TrainingJobStatus"] == "Failed"
    assert "train.py, line 2" in told["FailureReason"]
    assert done["TrainingJobStatus"] == "Completed", done
    assert done["Logs"][0].split() == ["/opt/ml/model", "/opt/ml/code/train.py"]
    assert desk.packed(done)["epochs"] == "3"


def test_members_share_the_model_folder_and_have_their_own_data(desk: Desk) -> None:
    script = (
        'host=$(grep -o \'"current_host": "[^"]*"\' /opt/ml/input/config/resourceconfig.json); '
        'echo "$host" > "/opt/ml/model/$SM_CURRENT_HOST"; touch "/opt/ml/mine-$SM_CURRENT_HOST"; '
        "ls -d /opt/ml/mine-*"
    )
    (job,) = desk.run(
        {
            "AlgorithmSpecification": {"ContainerEntrypoint": ["/bin/bash", "-c", script]},
            "ResourceConfig": {"InstanceType": "ml.local", "InstanceCount": 2},
        }
    )
    assert job["TrainingJobStatus"] == "Completed", job
    assert sorted(desk.packed(job)) == ["algo-1", "algo-2"]
    assert [log.split() for log in job["Logs"]] == [
        ["/opt/ml/mine-algo-1"],
        ["/opt/ml/mine-algo-2"],
    ]


def test_a_program_that_is_not_there_is_named_with_what_there_is(desk: Desk) -> None:
    (job,) = desk.run(
        {
            "AlgorithmSpecification": {"ContainerEntrypoint": ["trian"]},
            "HyperParameters": {"sagemaker_submit_directory": desk.source({"train": ALGORITHM})},
        }
    )
    assert job["FailureReason"].startswith("ClientError: 'trian' (AlgorithmSpecification.Contain")
    assert "The source folder has: train." in job["FailureReason"]


def test_where_the_system_forbids_it_the_job_is_refused_with_the_cause() -> None:
    desk = Desk(is_ordinary=False)
    isolated = {
        "EnableNetworkIsolation": True,
        "AlgorithmSpecification": {"ContainerEntrypoint": ["/bin/true"]},
    }
    forbidden = (
        *("unshare", "--user", "--map-root-user", "sh", "-c"),
        'echo 0 > /proc/sys/user/max_user_namespaces; exec "$0" "$@"',
    )
    (answer,) = desk.run(isolated, before=forbidden)
    shutil.rmtree(desk.folder, ignore_errors=True)
    assert "The network cannot be kept away from work here" in answer["Error"]
    assert "sysctl user.max_user_namespaces=" in answer["Error"]


@pytest.mark.parametrize(
    ("specification", "message"),
    [
        ({"AlgorithmName": "xgboost", "ContainerEntrypoint": ["train"]}, "run as it is"),
        ({"TrainingImage": "mine:1", "ContainerEntrypoint": ["train"]}, "containers are not run"),
    ],
)
def test_a_command_for_what_is_not_here_is_refused(
    specification: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationException, match=message):
        TrainingPlan.from_request(
            {"TrainingJobName": "job-1", "AlgorithmSpecification": specification}
        )


def test_a_switch_that_is_neither_on_nor_off_is_refused(jobs: Jobs) -> None:
    with pytest.raises(ValidationException, match="must be 'on' or 'off'"):
        jobs.create("job-1", "pass", Environment={"JUPYTER_ML_OPT_ML": "yes"})
