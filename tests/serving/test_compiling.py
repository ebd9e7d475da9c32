"""An endpoint while its model is compiled: it changes over, or serves on as it is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from jupyter_ml.serving.compiling import known
from jupyter_ml.serving.config import ServeConfig
from jupyter_ml.testing import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.serving.conftest import Fitted, Served


def test_an_endpoint_changes_over_when_it_is_checked_and_stays_so_after_a_restart(
    serve: Callable[..., Served], cancer: Fitted
) -> None:
    served = serve(cancer.model_dir, compiles=True).wait()
    rows = cancer.frame.iloc[:9].to_numpy().tolist()
    expected = (200, {"predictions": cancer.estimator.predict(cancer.frame.iloc[:9]).tolist()})
    assert served.invoke(rows) == expected
    eventually(lambda: compilation(served)["Status"] == "Compiled", timeout_s=120)
    assert compilation(served)["Engine"].startswith("ONNX Runtime ")
    assert compilation(served)["Speedup"] > 1
    assert compilation(served)["Message"] in served.log()
    assert served.invoke(rows) == expected
    before = (served.attempt_dir / "compiled" / "report.json").stat().st_mtime_ns
    again = served.start_again().wait()
    assert compilation(again)["Status"] == "Compiled"
    assert again.invoke(rows) == expected
    assert (served.attempt_dir / "compiled" / "report.json").stat().st_mtime_ns == before


def test_workers_take_the_compiled_model_and_so_do_those_that_replace_them(
    serve: Callable[..., Served], cancer: Fitted
) -> None:
    served = serve(cancer.model_dir, compiles=True, workers=2).wait()
    eventually(lambda: compilation(served)["Status"] == "Compiled", timeout_s=120)
    workers = psutil.Process(served.process.pid).children()
    assert all(has_runtime(worker) for worker in workers)
    os.kill(workers[0].pid, signal.SIGKILL)

    def replaced() -> bool:
        now = psutil.Process(served.process.pid).children()
        return len(now) == 2 and workers[0] not in now and all(has_runtime(one) for one in now)

    eventually(replaced, timeout_s=60)
    rows = cancer.frame.iloc[:9].to_numpy().tolist()
    expected = cancer.estimator.predict(cancer.frame.iloc[:9]).tolist()
    assert served.invoke(rows) == (200, {"predictions": expected})


def test_compiling_can_be_switched_off(serve: Callable[..., Served], cancer: Fitted) -> None:
    served = serve(cancer.model_dir, compiles=False).wait()
    assert compilation(served)["Message"] == (
        "Served natively: compiling is switched off by JUPYTER_ML_COMPILE=off."
    )
    assert not (served.attempt_dir / "compiled").exists()


def test_a_python_without_the_extra_serves_natively_and_says_what_to_install(
    serve: Callable[..., Served], cancer: Fitted, tmp_path: Path
) -> None:
    python = interpreter(tmp_path / "environment", without=("onnx", "onnxruntime"))
    served = serve(cancer.model_dir, compiles=True, interpreter=str(python)).wait()
    eventually(lambda: compilation(served)["Status"] == "Native", timeout_s=60)
    message = compilation(served)["Message"]
    assert message.startswith(f"Served natively: onnx, onnxruntime is not installed in {python}.")
    assert "jupyter_ml[compile]" in message
    assert served.invoke(cancer.frame.iloc[:1].to_numpy().tolist())[0] == 200


def test_a_compiler_that_is_killed_costs_nothing_but_the_speed(
    serve: Callable[..., Served], cancer: Fitted
) -> None:
    served = serve(cancer.model_dir, compiles=True).wait()
    compiler = eventually(lambda: psutil.Process(served.process.pid).children())
    compiler[0].kill()
    eventually(lambda: compilation(served)["Status"] == "Native", timeout_s=30)
    assert "the compiler ended with status -9" in compilation(served)["Message"]
    assert served.invoke(cancer.frame.iloc[:1].to_numpy().tolist())[0] == 200


def test_an_endpoint_that_compiling_has_ended_does_not_compile_again(
    serve: Callable[..., Served], cancer: Fitted
) -> None:
    served = serve(cancer.model_dir, compiles=True).wait()
    (compiler,) = eventually(lambda: psutil.Process(served.process.pid).children())
    served.process.kill()
    compiler.kill()
    message = compilation(served.start_again().wait())["Message"]
    assert message == "Served natively: compiling it took this process with it, see the log."


def test_an_endpoint_that_was_stopped_while_it_compiled_compiles_again(
    serve: Callable[..., Served], cancer: Fitted
) -> None:
    served = serve(cancer.model_dir, compiles=True).wait()
    eventually(lambda: psutil.Process(served.process.pid).children())
    served.start_again().wait()
    eventually(lambda: compilation(served)["Status"] == "Compiled", timeout_s=120)


def test_a_small_limit_of_memory_leaves_no_room_to_compile(tmp_path: Path) -> None:
    told = {"token": "t", "endpoint": "e"}
    (tmp_path / "serve.json").write_text(json.dumps(told))
    for limit, status in ((1000, "Native"), (1024, "Compiling"), (None, "Compiling")):
        (tmp_path / "work.json").write_text(json.dumps({"work": {"memory_mb": limit}}))
        assert known(ServeConfig.read(tmp_path), "Model")["Status"] == status


def compilation(served: Served) -> dict[str, Any]:
    """Return what the endpoint says of its compilation."""
    found: dict[str, Any] = served.read("ready.json")["compilation"]
    return found


def has_runtime(process: psutil.Process) -> bool:
    """Return whether a process has loaded ONNX Runtime."""
    try:
        return any("onnxruntime" in mapped.path for mapped in process.memory_maps())
    except psutil.NoSuchProcess:
        return False


def interpreter(folder: Path, without: tuple[str, ...]) -> Path:
    """Return the Python of an environment with the packages of this one but for some."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    target = next((folder / "lib").glob("python*")) / "site-packages"
    numpy = Path(np.__file__).parents[1]
    assert numpy.name == Path(sysconfig.get_path("purelib")).name
    for entry in numpy.iterdir():
        if not entry.name.startswith(without) and not (target / entry.name).exists():
            (target / entry.name).symlink_to(entry)
    return folder / "bin" / "python"
