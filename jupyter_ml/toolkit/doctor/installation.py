"""What is installed: Python, libraries, the extensions of Jupyter, kernels."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml import __version__
from jupyter_ml.toolkit.doctor.finding import LIMITED, NO, OK, Finding

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from jupyter_ml.toolkit.doctor.finding import Place

DISTRIBUTION = "jupyter-ml"
OLDEST = (3, 11)
_KERNEL_S = 3.0
_OWN_VERSIONS = (str(sys.version_info[0]), ".".join(map(str, sys.version_info[:2])))
_ASK = (
    "import importlib.util as u;"
    " print(*(bool(u.find_spec(name)) for name in ('jupyter_ml', 'ipykernel')))"
)


def python(place: Place) -> Finding:
    """Look at the interpreter."""
    del place
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST:
        advice = "Install Python 3.11 or newer."
        return Finding("Python", NO, f"{version} is too old.", advice, is_essential=True)
    why = f"{version}, {sys.executable}"
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):
        advice = "Unset PYTHONDONTWRITEBYTECODE; jobs do not inherit it, this process has it."
        return Finding("Python", LIMITED, f"{why}; imports are slow.", advice)
    return Finding("Python", OK, f"{why}.", is_essential=True)


def libraries(place: Place) -> Finding:
    """Compare the versions of what the package needs with its ranges."""
    del place
    name = "libraries"
    try:
        needed = [each for each, extra in requirements() if not extra]
    except metadata.PackageNotFoundError:
        why = f"jupyter_ml {__version__} runs from a folder; its requirements are not known."
        return Finding(name, LIMITED, why, "Install it: pip install jupyter-ml")
    wrong = [problem for each in needed if (problem := misfit(each)) is not None]
    if wrong:
        advice = "pip install --upgrade jupyter-ml"
        return Finding(name, NO, "; ".join(wrong), advice, is_essential=True)
    shown = ("botocore", "sqlalchemy", "jupyter-server", "ipython")
    versions = ", ".join(f"{each} {metadata.version(each)}" for each in shown)
    why = f"jupyter_ml {__version__}; all {len(needed)} fit: {versions}, ..."
    return Finding(name, OK, why, is_essential=True)


def extras(place: Place) -> Finding:
    """Say which optional parts are there."""
    del place
    name = "extras"
    by_extra: dict[str, list[str]] = {}
    try:
        for requirement, extra in requirements():
            if extra and extra not in {"all", "dev", "test"}:
                problem = misfit(requirement)
                by_extra.setdefault(extra, []).extend([problem] if problem else [])
    except metadata.PackageNotFoundError:
        return Finding(name, LIMITED, "Which there are is not known: nothing is installed.")
    there = [extra for extra, problems in by_extra.items() if not problems]
    absent = {extra: problems for extra, problems in by_extra.items() if problems}
    why = f"There are {', '.join(sorted(there)) or 'none'}."
    if not absent:
        return Finding(name, OK, why)
    lacking = "; ".join(f"{extra}: {', '.join(each)}" for extra, each in sorted(absent.items()))
    advice = f"Where they are wanted: pip install 'jupyter-ml[{','.join(sorted(absent))}]'"
    return Finding(name, LIMITED, f"{why} Not {lacking}.", advice)


def server_extension(place: Place) -> Finding:
    """Look up whether the Jupyter server loads the extension."""
    del place
    name = "server extension"
    from jupyter_core.paths import jupyter_config_path  # noqa: PLC0415  (slow)

    enabled = None
    # The first folder that says something wins.
    for folder in reversed(jupyter_config_path()):
        for file in sorted(Path(folder, "jupyter_server_config.d").glob("*.json")):
            known = _json(file).get("ServerApp", {}).get("jpserver_extensions", {})
            enabled = known.get("jupyter_ml", enabled)
        for config in ("jupyter_server_config.json", "jupyter_config.json"):
            known = _json(Path(folder, config)).get("ServerApp", {}).get("jpserver_extensions", {})
            enabled = known.get("jupyter_ml", enabled)
    if enabled:
        return Finding(name, OK, "It is enabled.")
    why = "It is switched off." if enabled is False else "No configuration of Jupyter names it."
    advice = "jupyter server extension enable jupyter_ml"
    return Finding(name, NO, f"{why} Panels and boto3 do not work.", advice)


def lab_extension(place: Place) -> Finding:
    """Look up whether JupyterLab has the panels, and of this version."""
    del place
    name = "lab extension"
    from jupyter_core.paths import jupyter_config_path, jupyter_path  # noqa: PLC0415  (slow)

    folders = [Path(each, "labextensions", "jupyter-ml") for each in jupyter_path()]
    found = next((folder for folder in folders if (folder / "package.json").exists()), None)
    if found is None:
        return Finding(name, NO, "JupyterLab does not have it.", "pip install 'jupyter-ml[lab]'")
    for folder in jupyter_config_path():
        page = _json(Path(folder, "labconfig", "page_config.json"))
        if page.get("disabledExtensions", {}).get("jupyter-ml"):
            advice = "jupyter labextension enable jupyter-ml"
            return Finding(name, NO, f"It is switched off in {folder}.", advice)
    version = _json(found / "package.json").get("version")
    if version != __version__:
        why = f"It is of version {version}, the package of {__version__}."
        return Finding(name, LIMITED, why, "pip install --force-reinstall jupyter-ml")
    return Finding(name, OK, f"It is in {found}.")


def kernels(place: Place) -> Finding:
    """Ask the interpreter of each kernel whether it has the toolkit."""
    del place
    name = "kernels"
    from jupyter_core.paths import jupyter_path  # noqa: PLC0415  (slow)

    programs: dict[str, str] = {}
    # The first folder that has a kernel of a name wins.
    for file in (
        file for each in jupyter_path("kernels") for file in Path(each).glob("*/kernel.json")
    ):
        spec = _json(file)
        if spec.get("language") == "python" and spec.get("argv"):
            programs.setdefault(file.parent.name, spec["argv"][0])
    if not programs:
        advice = f"{sys.executable} -m ipykernel install --user"
        return Finding(name, LIMITED, "Jupyter knows no Python kernel.", advice)
    with ThreadPoolExecutor(4) as pool:
        answers = dict(zip(programs, pool.map(_has_toolkit, programs.values()), strict=True))
    lacking = [f"{kernel}: {why}" for kernel, why in answers.items() if why]
    there = ", ".join(kernel for kernel, why in answers.items() if not why)
    if not lacking:
        return Finding(name, OK, f"All have the toolkit: {there}.")
    why = f"{'; '.join(lacking)}. With the toolkit: {there or 'none'}."
    advice = "Install jupyter-ml in the kernel's environment where the toolkit is wanted there."
    return Finding(name, LIMITED, why, advice)


def node(place: Place) -> Finding:
    """Say that Node is not needed."""
    del place
    found = shutil.which("node")
    why = f"{found}; only a build from source uses it." if found else "None, and none is needed."
    return Finding("Node", OK, why)


def browser(place: Place) -> Finding:
    """Say whether the project's own tests would find a browser."""
    del place
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    told = f"{found}, for the project's own tests." if found else "Chromium is not here."
    return Finding("browser", OK, f"Any browser shows JupyterLab. {told}")


def requirements() -> list[tuple[Requirement, str]]:
    """Return what the package requires on this machine, each with its extra or "".

    Raises
    ------
    PackageNotFoundError
        The package is not installed.
    """
    from packaging.requirements import Requirement  # noqa: PLC0415  (slow)

    found = []
    for text in metadata.requires(DISTRIBUTION) or ():
        requirement = Requirement(text)
        marker = requirement.marker
        _, _, extra = str(marker or "").rpartition("extra == ")
        name = extra.strip("\"' )") if "extra ==" in str(marker or "") else ""
        if marker is None or marker.evaluate({"extra": name}):
            found.append((requirement, name))
    return found


def misfit(requirement: Requirement) -> str | None:
    """Return why what is installed does not fulfil a requirement, if it does not."""
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name} is missing"
    if requirement.specifier.contains(version, prereleases=True):
        return None
    return f"{requirement.name} {version} is not {requirement.specifier}"


def _has_toolkit(program: str) -> str:
    """Return why the interpreter of a kernel cannot run the toolkit; "" if it can."""
    # Jupyter starts kernels that name no path with the Python that it runs in.
    own = {"python", *(f"python{version}" for version in _OWN_VERSIONS)}
    path = sys.executable if program in own else shutil.which(program)
    if path is None:
        return f"{program} is not there"
    try:
        # from / so that a folder of the same name is not taken for the package
        answer = subprocess.run(
            [path, "-c", _ASK],
            capture_output=True,
            text=True,
            timeout=_KERNEL_S,
            cwd="/",
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{path} does not run ({type(error).__name__})"
    match answer.stdout.split():
        case ["True", "True"]:
            return ""
        case ["False", _]:
            return "it has no jupyter_ml"
        case ["True", "False"]:
            return "it has no ipykernel"
    return f"{path} does not run"


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
