"""What the patterns of the shipped rules cost on the texts that are worst for them: ``python -m benchmarks.patterns``.

CPU of a search as a share of what a pattern may take to be published (`qa.rules.cost`: a multiple of one known pattern,
measured in the same process), for every pattern whose form alone does not clear it. Goal: the dearest stays far below
the bound (≤ .6), so that no machine refuses what we ship. Exit code 1 when it is missed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from qa.rules import cost
from scoring.redline import Rule, load_default_rules, load_process_rules

GOAL = 0.6
SHOWN = 5


def shares(rule: Rule) -> Iterator[tuple[float, str, str]]:
    for _, written, piece, tree in cost.suspects(rule):
        yield cost.seconds_of(piece, tree) / cost.most_seconds(), rule.id, written


def main() -> int:
    found = sorted(
        (share for rule in (*load_default_rules(), *load_process_rules()) for share in shares(rule)), reverse=True
    )
    for part, rule_id, written in found[:SHOWN]:
        print(f"{part:.2f} of the bound: {rule_id} {written}")
    met = found[0][0] <= GOAL
    print(f"{len(found)} patterns, dearest {found[0][0]:.2f}  goal ≤ {GOAL}: {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
