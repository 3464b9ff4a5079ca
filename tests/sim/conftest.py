"""Makes the simulation importable: it lives in this folder, as the package `sim`, and test modules come one by one."""

from __future__ import annotations

import sys
from pathlib import Path

TESTS = str(Path(__file__).parents[1])
if TESTS not in sys.path:
    sys.path.append(TESTS)
