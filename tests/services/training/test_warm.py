"""Training jobs that start warm: the same results, and all threads that they may have."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_ml.client import LocalClient
from jupyter_ml.composition import compose
from jupyter_ml.core.attempts import AttemptRef
from jupyter_ml.engine.durable import read_json
from jupyter_ml.engine.machine import detect
from jupyter_ml.engine.warm.zygotes import Zygotes
from jupyter_ml.testing import eventually, fresh_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = "sagemaker_program"
SIZES = {"ml.one": {"cpus": 1, "memory_gb": 4}, "ml.two": {"cpus": 2, "memory_gb": 4}}


class Room:
    """A workspace in which jobs start warm."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = fresh_settings(folder, warm_memory_mb=4096)
        self.client = LocalClient(self.settings)
        self.root = self.settings.workspace
        self.zygotes = Zygotes(self.root / "warm")
        self.count = 0

    def run(
        self, files: dict[str, str], resources: dict[str, Any] | None = None, **request: Any
    ) -> str:
        """Run a program to its end; return the job's name."""
        self.count += 1
        name = f"job-{self.count}"
        source = self.folder / f"{name}.tar.gz"
        with tarfile.open(source, "w:gz") as archive:
            for file, text in files.items():
                path = self.folder / name / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
                archive.add(path, file)
        own = request.pop("HyperParameters", {})
        hyperparameters = {"sagemaker_submit_directory": source.as_uri(), PROGRAM: "train.py"}
        self.client.call(
            "CreateTrainingJob",
            {
                "TrainingJobName": name,
                "HyperParameters": {**hyperparameters, **own},
                "ResourceConfig": {
                    "InstanceType": "ml.local",
                    "InstanceCount": 1,
                    "VolumeSizeInGB": 1,
                    **(resources or {}),
                },
                **request,
            },
        )
        with self.client.waiting("TrainingJob", name) as pause:
            for _ in range(600):
                if self.job(name)["TrainingJobStatus"] != "InProgress":
                    return name
                pause(0.2)
        raise AssertionError(self.log(name))

    def sizes(self) -> None:
        """Have small sizes, which fit every machine."""
        self.root.mkdir(parents=True)
        (self.root / "instance_types.json").write_text(json.dumps(SIZES))

    def warm_up(self, program: str, **more: Any) -> None:
        """Run a program, and wait until a zygote has imported what it did."""
        self.run({"train.py": program}, **more)
        eventually(self.is_ready, 120)

    def is_ready(self) -> bool:
        return any(zygote.state == "ready" for zygote in self.zygotes.living())

    def job(self, name: str) -> dict[str, Any]:
        return self.client.call("DescribeTrainingJob", {"TrainingJobName": name})

    def log(self, name: str) -> str:
        folder = self.root / "work" / "TrainingJob" / name / "1"
        return self.engine.logs(AttemptRef("TrainingJob", name, 1, "", folder)).data.decode()

    @property
    def engine(self) -> Any:
        return compose(self.settings).engine

    def is_warm(self, name: str) -> bool:
        values = read_json(self.root / "work" / "TrainingJob" / name / "1" / "spawned.json")
        return bool(values and values["warm"])


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path)
    yield room
    room.zygotes.end_all()
    eventually(lambda: not room.zygotes.living(), 30)
    shutil.rmtree(room.root, ignore_errors=True)  # one that is just starting finds no folder


BOOSTING = """
import json, threadpoolctl
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
import xgboost
rng = np.random.default_rng(0)
X, y = rng.random((2000, 8)), rng.integers(0, 2, 2000)
first = HistGradientBoostingClassifier(max_iter=5).fit(X, y).score(X, y)
second = xgboost.XGBClassifier(n_estimators=5).fit(X, y).score(X, y)
product = float((X @ X.T).sum())
pools = {i["filepath"].split("/")[-1]: i["num_threads"] for i in threadpoolctl.threadpool_info()}
print("told " + json.dumps({"scores": [first, second, product], "threads": pools}))
"""


def told(log: str) -> Any:
    return json.loads(log.split("told ")[1].splitlines()[0])


@pytest.mark.slow
@pytest.mark.parametrize("size", ["ml.local", *SIZES])
def test_openmp_works_after_a_fork_with_as_many_threads_as_the_instance_has(
    room: Room, size: str
) -> None:
    room.sizes()
    resources = {"InstanceType": size}
    cold = told(room.log(room.run({"train.py": BOOSTING}, resources)))
    eventually(room.is_ready, 120)
    name = room.run({"train.py": BOOSTING}, resources)
    assert room.is_warm(name)
    warm = told(room.log(name))
    assert warm["scores"] == cold["scores"]
    assert warm["threads"] == cold["threads"]
    wanted = SIZES.get(size, {}).get("cpus", detect().cpus)
    assert set(warm["threads"].values()) == {wanted}
    assert len(warm["threads"]) >= 2


def test_a_second_thread_computes_with_all_threads_too(room: Room) -> None:
    program = (
        "import threading\nfrom sklearn.utils._openmp_helpers import "
        "_openmp_effective_n_threads as n\nfound = []\n"
        "t = threading.Thread(target=lambda: found.append(n())); t.start(); t.join()\n"
        "print('told', found[0])"
    )
    resources = {"InstanceType": "ml.two"}
    room.sizes()
    room.warm_up(program, resources=resources)
    name = room.run({"train.py": program}, resources)
    assert room.is_warm(name)
    assert told(room.log(name)) == told(room.log("job-1"))


def test_an_exception_names_the_line_of_the_program(room: Room) -> None:
    room.warm_up("import numpy")
    name = room.run({"train.py": "import numpy\n\nnumpy.zeros(3)[7]\n"})
    assert room.is_warm(name)
    job = room.client.call("WatchTrainingJob", {"TrainingJobName": name})
    failure = job["Failure"]
    assert failure["ExceptionType"] == "IndexError"
    assert (failure["Frames"][-1]["File"], failure["Frames"][-1]["Line"]) == ("train.py", 3)
    assert [frame["File"] for frame in failure["Frames"]] == ["train.py"]
    assert 'File "train.py", line 3' in room.log(name)
    assert "zygote" not in room.log(name)


def test_a_module_of_the_program_hides_one_that_was_imported_before(room: Room) -> None:
    room.warm_up("import numpy")
    files = {"train.py": "import numpy\nprint('mine', numpy.mine)", "numpy.py": "mine = 1"}
    name = room.run(files)
    assert room.is_warm(name)
    assert room.job(name)["TrainingJobStatus"] == "Completed", room.log(name)
    assert "mine 1" in room.log(name)


def test_a_job_with_variables_of_its_own_is_started_anew(room: Room) -> None:
    room.warm_up("import numpy")
    name = room.run({"train.py": "import numpy"}, Environment={"OPENBLAS_NUM_THREADS": "1"})
    assert not room.is_warm(name)


def test_what_a_job_imports_later_is_there_for_the_next(room: Room) -> None:
    room.warm_up("import numpy")
    room.run({"train.py": "import scipy.special"})
    eventually(lambda: any("scipy" in one.packages for one in room.zygotes.living()), 60)
    eventually(room.is_ready, 60)
    program = "import sys; print('told', int('scipy.special' in sys.modules))"
    assert told(room.log(room.run({"train.py": program}))) == 1


def test_the_keep_alive_period_of_a_job_is_that_of_its_zygote(room: Room) -> None:
    room.warm_up("import numpy", resources={"KeepAlivePeriodInSeconds": 3600})
    (zygote,) = room.zygotes.living()
    assert zygote.until > Path(zygote.folder).stat().st_mtime + 3000


def test_zygotes_are_shown_with_the_memory_they_hold(room: Room) -> None:
    room.warm_up("import numpy")
    (zygote,) = room.client.call("GetWorkspace")["Zygotes"]
    assert zygote["State"] == "ready"
    assert "numpy" in zygote["Packages"]
    assert 10 < zygote["MemoryMb"] < 500


def test_without_memory_for_it_nothing_is_kept(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.settings = fresh_settings(tmp_path, warm_memory_mb=0)
    room.client = LocalClient(room.settings)
    room.run({"train.py": "import numpy"})
    assert list((room.root / "warm").iterdir()) == []


def test_a_program_in_waiting_is_held_to_the_limits_of_its_job(room: Room) -> None:
    room.sizes()
    program = (
        "import json, os, resource\n"
        "groups = [l.split(':')[2] for l in open('/proc/self/cgroup').read().split()]\n"
        "print('told', json.dumps([len(os.sched_getaffinity(0)), 'jupyter_ml-' in str(groups),\n"
        " resource.getrlimit(resource.RLIMIT_DATA)[0], open('/proc/self/oom_score_adj').read()]))"
    )
    resources = {"InstanceType": "ml.one"}
    cold = told(room.log(room.run({"train.py": program}, resources)))
    eventually(room.is_ready, 60)
    name = room.run({"train.py": program}, resources)
    assert room.is_warm(name)
    assert told(room.log(name)) == cold


def test_a_shell_script_is_started_beside_a_program_in_waiting(room: Room) -> None:
    room.warm_up("import numpy")
    files = {"train.py": "", "train.sh": "echo from $0 with $SM_NUM_CPUS; exit 3"}
    name = room.run(files, HyperParameters={PROGRAM: "train.sh"})
    assert room.is_warm(name)
    assert "train.sh with" in room.log(name)
    assert "exit code 3" in room.job(name)["FailureReason"]
