"""The verbs of `%ml VERB`, `%%ml VERB` and `jupyter ml VERB`: one module each, one dispatcher.

A verb is a module of this package with

- a docstring whose first line is its summary (``status``: "Show what is running ..."),
- ``add_arguments(parser)``, which declares its options on an argparse parser,
- ``run(client, args)``, which does it and returns what to show (`None`: nothing).
  ``args.cell`` is the text of the cell below a ``%%ml`` line and ``args.shell`` the IPython
  shell; both are `None` in the terminal,
- and, only where they apply, ``candidates(client, args)``, the words that could come next,
  ``TAKES_CELL = True`` and ``NEEDS_CLIENT = False``.

The names stand in `VERBS` and nowhere else; the file of a verb is imported when it is used.
In this file the name ``list`` is a verb's module as soon as that is imported.
"""

from __future__ import annotations

import argparse
import difflib
import shlex
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn, Protocol, cast

from jupyter_ml.contract.errors import MLError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from jupyter_ml.client import Client

VERBS = (
    "status",
    "list",
    "show",
    "logs",
    "stop",
    "train",
    "deploy",
    "predict",
    "compare",
    "export",
    "delete",
    "env",
    "du",
    "gc",
    "backup",
    "restore",
    "audit",
    "doctor",
    "bundle",
    "tick",
    "help",
)


class Verb(Protocol):
    """What every module of this package offers."""

    __doc__: str | None

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the verb's options."""

    def run(self, client: Client, args: argparse.Namespace) -> object:
        """Do it; return what to show."""


class HelpAskedError(Exception):
    """Raised by ``--help`` so that a notebook shows the text instead of ending the kernel."""


class _ShowHelp(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        raise HelpAskedError(parser.format_help())


class VerbParser(argparse.ArgumentParser):
    """An argparse parser that raises instead of ending the process."""

    def __init__(self, *, prog: str, description: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            add_help=False,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self.add_argument("-h", "--help", action=_ShowHelp, nargs=0, help="show this text")

    def error(self, message: str) -> NoReturn:
        """Raise a `UsageError` with the usage line."""
        msg = f"{message}\n{self.format_usage().strip()}"
        raise UsageError(msg)

    def parse_words(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse all words; an unknown option is named with the one it resembles."""
        for word in words:
            if word == "--":
                break
            self._require_known(word.partition("=")[0])
        args, unknown = self.parse_known_args(words)
        if unknown:
            self.error(f"{unknown[0]!r} is one word too many.")
        return args

    def _require_known(self, word: str) -> None:
        if word.startswith("--") and word not in self.options:
            near = _suggest(word, self.options, cutoff=0.65)
            self.error(f"There is no {word} here.{near}")

    def _check_value(self, action: argparse.Action, value: object) -> None:
        choices = [str(choice) for choice in action.choices or ()]
        if choices and value not in choices:
            hint = _suggest(str(value), choices) or f" Choose from {', '.join(choices)}."
            raise argparse.ArgumentError(action, f"invalid choice: {value!r}.{hint}")

    @property
    def options(self) -> list[str]:
        """All option strings, such as ``-n`` and ``--name``."""
        return [*self._option_string_actions]

    def choices_after(self, typed: Sequence[str]) -> tuple[list[str], bool]:
        """Return what a parser knows of the next word.

        Returns
        -------
        list of str
            The words that are known to fit.
        bool
            Whether the next word is the value of an option.
        """
        option = self._option_string_actions.get(typed[-1]) if typed else None
        if option is not None and option.nargs != 0:
            return [str(choice) for choice in option.choices or ()], True
        choices = [
            str(choice)
            for action in self._get_positional_actions()
            for choice in action.choices or ()
        ]
        return ([] if set(choices) & set(typed) else choices), False


def load(name: str) -> Verb:
    """Return the module of a verb.

    Raises
    ------
    UsageError
        There is no such verb; names the one it resembles.
    """
    if name not in VERBS:
        hint = _suggest(name, VERBS) or f" The verbs are {', '.join(VERBS)}."
        msg = f"There is no verb {name!r}.{hint}"
        raise UsageError(msg)
    return cast("Verb", import_module(f"{__name__}.{name}"))


def parser_of(name: str, prog: str = "jupyter ml") -> VerbParser:
    """Return the parser of a verb, as shown after `prog` (``%ml`` in a notebook)."""
    verb = load(name)
    parser = VerbParser(prog=f"{prog} {name}", description=(verb.__doc__ or "").strip())
    verb.add_arguments(parser)
    return parser


def summary_of(name: str) -> str:
    """Return the first line of a verb's docstring."""
    return (load(name).__doc__ or "").strip().partition("\n")[0]


def dispatch(
    words: str | Sequence[str],
    connect: Callable[[], Client],
    *,
    prog: str = "jupyter ml",
    cell: str | None = None,
    shell: object | None = None,
) -> object:
    """Run one line and return what to show.

    Parameters
    ----------
    words
        The line after ``%ml`` or ``jupyter ml``; a string is split as a shell would.
    connect
        Gives the client; called only if the verb needs one.
    prog
        What the user typed before the verb, for usage texts.
    cell
        Text below a ``%%ml`` line.
    shell
        The IPython shell that runs the magic.

    Raises
    ------
    UsageError
        The verb or an option is unknown, misused, or takes no cell.
    MLError
        Whatever the verb raises.
    """
    name, *rest = _split(words) or ["help"]
    if name in {"-h", "--help"}:
        name = "help"
    verb = load(name)
    try:
        args = parser_of(name, prog).parse_words(rest)
    except HelpAskedError as asked:
        from jupyter_ml.toolkit.verbs.output import Text  # noqa: PLC0415  (only for --help)

        return Text(str(asked))
    if cell is not None and not getattr(verb, "TAKES_CELL", False):
        msg = f"{name} takes no cell; write it on one line: {prog} {name}"
        raise UsageError(msg)
    args.cell, args.shell, args.prog = cell, shell, prog
    client = connect() if getattr(verb, "NEEDS_CLIENT", True) else None
    return verb.run(cast("Client", client), args)


def complete(client: Client, words: Sequence[str]) -> list[str]:
    """Return the words that could replace the last of `words`.

    Parameters
    ----------
    client
        Asked for names of jobs and endpoints.
    words
        What was typed after ``%ml`` or ``jupyter ml``; the last word may be empty or begun.

    Returns
    -------
    list of str
        Verbs, options, choices or names that begin with the last word; empty if none do.
    """
    *typed, last = words or [""]
    if not typed:
        return [name for name in VERBS if name.startswith(last)]
    if typed[0] not in VERBS:
        return []
    found = _candidates(client, typed[0], typed[1:], last)
    return [word for word in dict.fromkeys(found) if word.startswith(last)]


def _candidates(client: Client, name: str, typed: list[str], last: str) -> Iterable[str]:
    parser = parser_of(name)
    choices, is_value = parser.choices_after(typed)
    if last.startswith("-"):
        return [option for option in parser.options if option.startswith("--")]
    offered: Callable[[Client, list[str]], Iterable[str]] | None = getattr(
        load(name), "candidates", None
    )
    if offered is None or is_value:
        return choices
    try:
        return [*choices, *offered(client, typed)]
    except MLError:  # completion must stay silent; running the verb will say what is wrong
        return choices


def _split(words: str | Sequence[str]) -> list[str]:
    if not isinstance(words, str):
        return [*words]
    try:
        return shlex.split(words)
    except ValueError as error:
        msg = f"The line cannot be read: {error}. Close the quotation mark."
        raise UsageError(msg) from None


def _suggest(word: str, known: Iterable[str], *, cutoff: float = 0.5) -> str:
    bare = {name.lstrip("-"): name for name in known}  # dashes make any two options alike
    near = difflib.get_close_matches(word.lstrip("-"), [*bare], n=1, cutoff=cutoff)
    return f" Did you mean {bare[near[0]]}?" if near else ""
