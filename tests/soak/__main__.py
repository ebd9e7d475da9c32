"""Use a workspace hard while its processes are killed at random; say what did not bear it.

    python tests/soak --seconds 3600 --seed 7

The seed draws what is submitted, deployed and killed when; without one, it is new each time, and
printed. The folder with the workspace, all logs and the ledger is kept where something is wrong.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from house import House
from soaking import Soak, act


def main(arguments: list[str]) -> int:
    """Be an actor, or the soak itself; return the exit status."""
    if arguments[:1] == ["actor"]:
        _, role, who, house = arguments
        act(role, who, House.from_json(house))
        return 0
    parser = argparse.ArgumentParser(prog="python tests/soak", description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60, help="default: 60")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--folder", type=Path, help="a new one to use, and to keep")
    parser.add_argument(
        "--postgresql", action="store_true", help="on a PostgreSQL server started for it"
    )
    args = parser.parse_args(arguments)
    folder = args.folder or Path(tempfile.mkdtemp(prefix="soak-"))
    folder.mkdir(exist_ok=True)
    print(f"Soaking for {args.seconds:g} s with --seed {args.seed} in {folder}", flush=True)
    database = _database() if args.postgresql else ""
    soak = Soak(folder, args.seconds, args.seed, database, lambda text: print(text, flush=True))
    problems = soak.run()
    print(_summary(House(folder, args.seed, 0, database)))
    for problem, times in Counter(problems).items():
        print(f"WRONG: {problem}{f' ({times} times)' if times > 1 else ''}")
    if problems or args.folder:
        store = " --postgresql" if args.postgresql else ""
        print(f"Kept: {folder}. Again: --seconds {args.seconds:g} --seed {args.seed}{store}")
    else:
        shutil.rmtree(folder)
    return 1 if problems else 0


def _database() -> str:
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from tests.postgresql import server  # noqa: PLC0415  (most soaks need none)

    return server().new_database()


def _summary(house: House) -> str:
    count = Counter(fact["what"] for fact in house.ledger.facts())
    killed = Counter(fact["role"] for fact in house.ledger.facts("killed"))
    victims = ", ".join(f"{number} {role}" for role, number in sorted(killed.items()))
    return (
        f"{count['acknowledged']} jobs, {count['put']} objects, {count['serving']} generations of "
        f"endpoints, {count['answer']} answers; killed: {victims or 'nothing'}."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
