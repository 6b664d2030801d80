"""The product imports where there is no `fcntl` and no `resource`, as on Windows. No more is claimed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

SCRIPT = """
import importlib, pkgutil, sys, warnings
warnings.simplefilter("ignore")
sys.modules["fcntl"] = sys.modules["resource"] = None
import pages, qa, scoring
count = 0
for package in (scoring, qa, pages):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        module = found.name
        if module.startswith(("qa.migrations.versions", "qa.migrations.env")):
            continue  # run by alembic, with a database at hand
        if package is pages and module.count(".") == 1 and not found.ispkg:
            continue  # a page is run by Streamlit, not imported
        importlib.import_module(module)
        count += 1
import filelock
assert filelock.FileLock is filelock.SoftFileLock, "fcntl was not blocked"
print(count)
"""


def test_every_module_imports_without_fcntl_and_resource() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1]) > 200
