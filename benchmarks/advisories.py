"""Known vulnerabilities among what the lock file pins, as the package index tells them.

Says plainly when the index offers no advisories (a mirror, or no network): then nothing was checked. Exit code 0 none
known, 1 some, 3 not checked.

    python -m benchmarks.advisories
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).parents[1] / "requirements.lock"
NOT_CHECKED = 3


def main(lock: Path = LOCK) -> int:
    """Ask, and say what was found."""
    options = ["--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(
        [sys.executable, "-m", "pip_audit", "--requirement", str(lock), *options],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    try:
        known = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        reason = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        print(f"Not checked: the index offers no advisories ({reason}).")
        return NOT_CHECKED
    told = [one for one in known if "vulns" in one]
    if not told:
        print("Not checked: the index offers no advisories for any package of the lock file.")
        return NOT_CHECKED
    found = [one for one in told if one["vulns"]]
    for one in found:
        names = ", ".join(vulnerability["id"] for vulnerability in one["vulns"])
        print(f"{one['name']} {one['version']}: {names}")
    print(
        f"{len(told)} packages asked about, {len(found)} with known vulnerabilities, {len(known) - len(told)} unknown."
    )
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:2])))
