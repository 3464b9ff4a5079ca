"""Makes this folder importable as the package `crossing`, and names each recorded request to the tests that want it."""

from __future__ import annotations

import sys
from pathlib import Path

TESTS = str(Path(__file__).parents[1])
if TESTS not in sys.path:
    sys.path.append(TESTS)
