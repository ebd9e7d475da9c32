"""Writes the pages of docs/look-up that the code itself can tell.

`python docs/generate.py` writes them anew; with `--check` it changes nothing and fails, naming
them, if pages are not what the code says.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jupyter_ml
from jupyter_ml.aws import iam, sts
from jupyter_ml.aws.cloudwatch_logs import operations as cloudwatch_logs
from jupyter_ml.aws.s3.gateway import OPERATIONS
from jupyter_ml.aws.s3.members import MEMBERS
from jupyter_ml.contract import model
from jupyter_ml.core.settings import _FROM_ENVIRONMENT, PREFIX, Settings
from jupyter_ml.services import SERVICES, data_plane, registry
from jupyter_ml.toolkit.exports import Exportable
from jupyter_ml.toolkit.verbs import VERBS, parser_of, summary_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator

LOOK_UP = Path(__file__).parent / "look-up"
PACKAGE = Path(jupyter_ml.__file__).parent
NOTE = "<!-- Written by docs/generate.py; change the code and run `make docs`. -->"
# What works for all kinds of resources is no service's: the modules, and the names of their pages.
MECHANISM = {"jupyter_ml.core.tagging": "tags", "jupyter_ml.core.search.search": "search"}
DERIVED = {
    "Describe": "Describes one {noun}.",
    "List": "Lists {noun}s, in pages.",
    "Delete": "Deletes one {noun}.",
    "Stop": "Asks the work of one {noun} to end.",
}


def pages() -> dict[Path, str]:
    """Return the text of every generated page."""
    rooms = _rooms()
    written = {
        "operations.md": operations_page(rooms),
        "s3.md": s3_page(),
        "aws.md": aws_page(),
        "relaxations.md": relaxations_page(),
        "python.md": python_page(),
        "verbs.md": verbs_page(),
        "settings.md": settings_page(),
        "instance-types.md": instance_types_page(),
        **{f"operations/{room}.md": room_page(room, names) for room, names in rooms.items()},
    }
    return {LOOK_UP / name: f"{NOTE}\n\n{text.strip()}\n" for name, text in written.items()}


def operations_page(rooms: dict[str, list[str]]) -> str:
    """Return the list of all operations."""
    rows = [
        (f"[{name}](operations/{room}.md#{name.lower()})", room, _contract(name))
        for room, names in rooms.items()
        for name in names
    ]
    total = len(rows)
    return f"""
# Operations

{total} operations are there. Any other operation of SageMaker answers 501
`NotImplementedException` and names itself; none pretends to have worked.

Every member of every request is *used*, *recorded* (kept and shown, with the reason why nothing
else happens) or *rejected* with an error that says what to do. The page of each service has the
table. A member that only a newer botocore knows is rejected until it has been classified.

{_table(("Operation", "Service", "Contract"), rows)}
"""


def room_page(room: str, names: Iterable[str]) -> str:
    """Return the operations of one service with what becomes of their members."""
    homes = {name: module for module, name in MECHANISM.items()}
    home = homes.get(room, f"jupyter_ml.services.{room}")
    about = _docstring(importlib.import_module(home))
    return f"# Operations of {room}\n\n{about}\n\n" + "\n\n".join(map(_operation, names))


def s3_page() -> str:
    """Return the operations of the workspace's S3 with what becomes of their members."""
    parts = []
    for name, words in sorted(MEMBERS.items()):
        about = _docstring(OPERATIONS[name]).partition("\n\nRaises")[0]
        members = [(f"`{member}`", word) for member, word in words.items()]
        parts.append(f"## {name}\n\n{about}\n\n{_table(('Member', 'What becomes of it'), members)}")
    return f"""
# Operations of S3

{len(OPERATIONS)} operations are there; how to use them says
[Use the workspace's S3](../do/use-s3.md). Any other operation and any other sub-resource answers
501 `NotImplemented` and names itself. Each member is *used*, *recorded* (with the reason why
nothing else happens) or *rejected* with an error that says what to do; a header or parameter that
stands in no table is refused too.

""" + "\n\n".join(parts)


def aws_page() -> str:
    """Return the operations of STS, IAM and CloudWatch Logs with what becomes of their members."""
    parts = []
    for title, module in {"STS": sts, "IAM": iam, "CloudWatch Logs": cloudwatch_logs}.items():
        parts.append(f"## {title}\n\n{_docstring(module)}")
        for name, words in module.MEMBERS.items():
            members = [(f"`{member}`", word) for member, word in words.items()]
            table = _table(("Member", "What becomes of it"), members) if members else ""
            parts.append(f"### {name}\n\n{table or 'It takes nothing.'}")
    return """
# STS, IAM and CloudWatch Logs

So much of these services of AWS is there as the SageMaker SDKs and programs beside them need;
[Use the SageMaker Python SDK](../do/use-sagemaker-sdk.md) says how to use it. Any other operation
of any service that the variables of `jupyter ml env` lead here answers 501
`NotImplementedException` and names itself.

""" + "\n\n".join(parts)


def relaxations_page() -> str:
    """Return where requests may differ from what SageMaker takes."""
    relaxations = json.loads((PACKAGE / "contract" / "relaxations.json").read_text())
    optional = [
        (
            ", ".join(f"`{member}`" for member in entry["members"]),
            f"`{entry['shape']}`",
            entry["reason"],
        )
        for entry in relaxations["optional"]
    ]
    values = [
        (
            ", ".join(f"`{shape}`" for shape in entry["shapes"]),
            _code(entry["pattern"]),
            entry["reason"],
        )
        for entry in relaxations["values"]
    ]
    patterns = [
        (_code(entry["pattern"]), _code(entry["use"]), entry["reason"])
        for entry in relaxations["patterns"]
    ]
    return f"""
# Relaxations

Requests are checked against SageMaker's own service model. This is every place where the check
here differs, with the reason.

## Members that need not be given

{_table(("Member", "Shape", "Reason"), optional)}

## Values that are taken as well

{_table(("Shape", "Also taken", "Reason"), values)}

## Patterns that are written differently

{_table(("SageMaker's pattern", "Used here", "Reason"), patterns)}
"""


def python_page() -> str:
    """Return the public names of the package."""
    hidden = {"load_ipython_extension", "unload_ipython_extension"}
    names = [name for name in jupyter_ml.__all__ if name not in hidden and not name.startswith("_")]
    parts = [_public_name(name, getattr(jupyter_ml, name)) for name in names]
    handles = {
        handle.__name__: handle for name in names for handle in _handles(getattr(jupyter_ml, name))
    }
    parts += [_class(handle) for _, handle in sorted(handles.items())]
    return """
# In Python

`import jupyter_ml as ml` loads nothing heavy; each name is loaded when it is first used.

""" + "\n\n".join(parts)


def verbs_page() -> str:
    """Return the verbs of the magics and the terminal."""
    return """
# Verbs

The same verbs work as `%ml VERB` in a notebook and as `jupyter ml VERB` in a terminal; those that
take a cell work as `%%ml VERB` above one.

""" + "\n\n".join(map(_verb, VERBS))


def settings_page() -> str:
    """Return the settings with their variables and defaults."""
    meaning = _parameters(inspect.getdoc(Settings) or "")
    rows = []
    for field in dataclasses.fields(Settings):
        if field.name in _FROM_ENVIRONMENT:
            default = field.default
            shown = "" if default is None or default is dataclasses.MISSING else f"`{default}`"
            rows.append((f"`{PREFIX}{field.name.upper()}`", shown, meaning[field.name]))
    return f"""
# Settings

Each setting is an environment variable, or in Jupyter's and IPython's configuration a trait of
`JupyterML` (`c.JupyterML.region = "eu-west-1"`). What the Jupyter server is configured with is
handed on to its kernels and terminals, keys excepted.

{_table(("Variable", "Default", "Meaning"), rows)}
"""


def instance_types_page() -> str:
    """Return the sizes that work can ask for."""
    table = json.loads((PACKAGE / "engine" / "instance_types.json").read_text())
    rows = [(f"`{name}`", *map(str, size.values())) for name, size in table.items()]
    heads = next(iter(table.values()))
    return f"""
# Instance types

An instance type is a named size: what a job or an endpoint may use at most. `ml.local` is this
machine, without a limit of its own. Sizes of your own go into `instance_types.json` in the
workspace's folder: `{{"ml.mine": {{"cpus": 3, "memory_gb": 12, "gpus": 0}}}}`.

{_table(("Name", *heads), rows)}
"""


def _rooms() -> dict[str, list[str]]:
    """Return the operations of each service, in the order of the services."""
    found: dict[str, list[str]] = {name.rpartition(".")[2]: [] for name in SERVICES}
    found.update((name, []) for name in MECHANISM.values())
    for name in sorted({*registry().operations, *data_plane()}):
        found[_room(name)].append(name)
    return {room: names for room, names in found.items() if names}


def _room(name: str) -> str:
    module = _handler(name).__module__.split(".")
    if module[:2] == ["jupyter_ml", "services"]:
        return module[2]
    resource = _resource(name)
    if resource is None:
        return MECHANISM[_handler(name).__module__]
    return next(
        service.rpartition(".")[2]
        for service in SERVICES
        if resource in importlib.import_module(service).RESOURCES
    )


def _handler(name: str) -> Callable[..., Any]:
    declared = registry().operations.get(name)
    return declared.handler if declared else data_plane()[name]


def _resource(name: str) -> Any:
    for resource in registry().resources.values():
        for verb in DERIVED:
            if name == f"{verb}{resource.kind}{'s' if verb == 'List' else ''}":
                return resource
    return None


def _contract(name: str) -> str:
    service = model.service_of(name)
    return "ours" if service == "jupyter-ml" else f"`{service}`"


def _operation(name: str) -> str:
    words = registry().members_of(name)
    parts = [f"## {name}", _what_it_does(name)]
    if words:
        parts.append(
            _table(("Member", "What becomes of it"), [(f"`{m}`", w) for m, w in words.items()])
        )
    else:
        parts.append("It takes no members.")
    output = model.operation(name).output
    if model.service_of(name) == "jupyter-ml" and output is not None:
        rows = [
            (f"`{member}`", f"`{shape.name}`", output.member_documentation(member))
            for member, shape in output.members.items()
        ]
        parts += ["It answers", _table(("Member", "Shape", "Meaning"), rows)]
    return "\n\n".join(parts)


def _what_it_does(name: str) -> str:
    if model.service_of(name) == "jupyter-ml":
        return model.operation(name).documentation
    handler = _handler(name)
    if handler.__doc__:
        return _docstring(handler)
    resource = _resource(name)
    verb = next(verb for verb in DERIVED if name.startswith(verb))
    return (
        DERIVED[verb].format(noun=resource.noun)
        + f" It follows from the declaration of `{resource.kind}`."
    )


def _public_name(name: str, value: Any) -> str:
    return f"## `{name}{_signature(value)}`\n\n{_quoted(value)}"


def _signature(function: Any) -> str:
    """Return the signature as it is written, without the quotes of annotations."""
    return (
        str(inspect.signature(function))
        .replace("'", "")
        .replace("(self, ", "(")
        .replace("(self)", "()")
    )


def _handles(function: Any) -> Iterator[type]:
    """Yield the classes of the toolkit that a function says it returns."""
    home = vars(sys.modules[function.__module__])
    for word in str(inspect.signature(function).return_annotation).replace("|", " ").split():
        found = home.get(word)
        if inspect.isclass(found) and found.__module__.startswith("jupyter_ml"):
            yield found


def _class(handle: type) -> str:
    parts = [f"## `{handle.__name__}`", _quoted(handle)]
    shared = vars(Exportable) if issubclass(handle, Exportable) else {}
    for name, member in {**vars(handle), **shared}.items():
        if name.startswith("_"):
            continue
        function = member.fget if isinstance(member, property) else member
        if isinstance(function, classmethod | staticmethod):
            function = function.__func__
        if inspect.isfunction(function):
            signature = "" if isinstance(member, property) else _signature(function)
            parts.append(f"### `{handle.__name__}.{name}{signature}`\n\n{_quoted(function)}")
    return "\n\n".join(parts)


def _verb(name: str) -> str:
    parser = parser_of(name)
    rows = [
        (f"`{_spelling(action)}`", _meaning(action))
        for action in parser._actions
        if "--help" not in action.option_strings
    ]
    about = (parser.description or summary_of(name)).strip()
    parts = [f"## {name}", about]
    if rows:
        parts.append(_table(("Argument", "Meaning"), rows))
    return "\n\n".join(parts)


def _spelling(action: argparse.Action) -> str:
    value = action.metavar or (action.dest.upper() if action.option_strings else action.dest)
    if not action.option_strings:
        return str(value)
    spelled = ", ".join(action.option_strings)
    return spelled if action.nargs == 0 else f"{spelled} {value}"


def _meaning(action: argparse.Action) -> str:
    words = (action.help or "").replace("%%", "%")
    choices = ", ".join(f"`{choice}`" for choice in action.choices or ())
    return f"{words}; one of {choices}" if choices else words


def _parameters(docstring: str) -> dict[str, str]:
    """Return what a numpy docstring says of each parameter."""
    meaning: dict[str, str] = {}
    names: list[str] = []
    for line in docstring.partition("----------\n")[2].splitlines():
        if line and not line.startswith(" "):
            names = [name.strip() for name in line.split(",")]
        for name in names if line.startswith(" ") else ():
            meaning[name] = f"{meaning.get(name, '')} {line.strip()}".strip()
    return meaning


def _quoted(value: Any) -> str:
    return f"```text\n{_docstring(value)}\n```"


def _docstring(value: Any) -> str:
    return inspect.cleandoc(value.__doc__ or "")


def _code(text: str) -> str:
    return f"`{text}`"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [
        list(heads),
        *([cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows),
    ]
    drawn = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([drawn[0], "|" + " --- |" * len(lines[0]), *drawn[1:]])


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` say which differ; return the exit code."""
    written = pages()
    stale = [
        path for path, text in written.items() if not path.exists() or path.read_text() != text
    ]
    orphans = [
        path for path in LOOK_UP.rglob("*.md") if path not in written and NOTE in path.read_text()
    ]
    if arguments == ["--check"]:
        for path in [*stale, *orphans]:
            print(f"{path.relative_to(LOOK_UP.parent)} is not what the code says; run `make docs`")
        return 1 if stale or orphans else 0
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_text(written[path])
        print(f"wrote {path.relative_to(LOOK_UP.parent)}")
    for path in orphans:
        path.unlink()
        print(f"removed {path.relative_to(LOOK_UP.parent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
