"""List the verbs, or explain one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_ml.toolkit.verbs import VERBS, parser_of, summary_of
from jupyter_ml.toolkit.verbs.output import Text

if TYPE_CHECKING:
    import argparse

    from jupyter_ml.client import Client

NEEDS_CLIENT = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``help``."""
    parser.add_argument("verb", nargs="?", metavar="VERB", help="the verb to explain")


def run(client: Client, args: argparse.Namespace) -> Text:  # noqa: ARG001  (asks nobody)
    """Return the list of verbs, or one verb's help."""
    if args.verb:
        return Text(parser_of(args.verb, args.prog).format_help())
    width = max(map(len, VERBS))
    lines = [f"  {name:<{width}}  {summary_of(name)}" for name in VERBS]
    return Text("\n".join([f"usage: {args.prog} VERB [options]", "", *lines, "", _more(args.prog)]))


def candidates(client: Client, typed: list[str]) -> list[str]:  # noqa: ARG001  (asks nobody)
    """Return the verbs that can be explained."""
    return [] if typed else list(VERBS)


def _more(prog: str) -> str:
    return f"{prog} VERB --help explains one of them."
