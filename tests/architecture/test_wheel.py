import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
pytestmark = pytest.mark.slow

_LIST_SERVER_EXTENSIONS = """
import sys
from jupyter_server.extension.serverextension import main
sys.argv[1:] = ["list"]
main()
"""


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """The wheel and the source distribution, built as `make build` does."""
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(distributions):
    return next(distributions.glob("*.whl"))


@pytest.fixture(scope="module")
def clean(wheel, tmp_path_factory):
    """An environment that has the wheel and, read-only, the dependencies of this one."""
    home = tmp_path_factory.mktemp("clean")
    venv.create(home, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(home)}))
    # A folder named in a .pth file is searched, but the .pth files in it, such as that of an
    # editable install of this repository, are not followed.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = home / "bin" / "python"
    _run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", wheel)
    return home


def test_the_wheel_holds_the_built_interface(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "jupyter_ml/static/widget.js" in names
    shared = [
        name for name in names if ".data/data/share/jupyter/labextensions/jupyter-ml/" in name
    ]
    assert any(name.endswith("/package.json") for name in shared)
    assert any("remoteEntry" in name for name in shared)
    assert any(name.endswith("/install.json") for name in shared)
    assert any(name.endswith("/jupyter_server_config.d/jupyter_ml.json") for name in names)


def test_the_wheel_holds_the_package_once_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert tops == {
        "jupyter_ml",
        *(top for top in tops if top.endswith((".dist-info", ".data"))),
    }
    assert not [name for name in names if name.startswith("jupyter_ml/labextension/")]
    assert {"jupyter_ml/contract/jupyter-ml.json", "jupyter_ml/contract/relaxations.json"} <= set(
        names
    )
    assert "jupyter_ml/py.typed" in names


def test_the_source_distribution_can_be_built_from(distributions):
    with tarfile.open(next(distributions.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"package.json", "package-lock.json", ".npmrc", "labextension/build-widget.mjs"} <= names
    assert "jupyter_ml/core/context.py" in names
    assert not [
        name for name in names if "node_modules/" in name or name.startswith((".venv/", "build/"))
    ]


def test_the_installed_wheel_is_not_the_repository(clean):
    where = _run(clean / "bin" / "python", "-c", "import jupyter_ml; print(jupyter_ml.__file__)")
    assert Path(where.strip()).is_relative_to(clean)


def test_the_lab_extension_is_enabled_by_the_install_alone(clean):
    listed = _run(clean / "bin" / "python", "-m", "jupyterlab.labextensions", "list")
    line = next(line for line in listed.splitlines() if "jupyter-ml v" in line)
    assert "enabled" in line
    assert "OK" in line


def test_the_server_extension_is_enabled_by_the_install_alone(clean):
    # `jupyter server` would be looked for on the PATH, and be that of another environment.
    listed = _run(clean / "bin" / "python", "-c", _LIST_SERVER_EXTENSIONS)
    words = re.sub("\x1b[^m]*m", "", listed)
    assert re.search(r"jupyter_ml\s+enabled", words)
    assert re.search(r"jupyter_ml [\d.]+\s+OK", words)


def test_the_command_is_a_subcommand_of_jupyter(clean):
    assert (clean / "bin" / "jupyter-ml").exists()
    assert "status" in _run(clean / "bin" / "jupyter-ml", "help")


def _run(*command):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("JUPYTER")}
    nowhere = str(BIN / "nowhere")
    own = {"JUPYTER_CONFIG_DIR": nowhere, "JUPYTER_DATA_DIR": nowhere, "NO_COLOR": "1"}
    done = subprocess.run(
        [str(word) for word in command],
        env={**environment, **own, "PATH": f"{BIN}:{environment['PATH']}"},
        cwd=BIN,  # not the repository, which Python would import from
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
