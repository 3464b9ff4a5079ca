"""Whatever goes wrong, in thousands of worlds: no promise is broken, and once all is well again everybody is served."""

from __future__ import annotations

import pytest

from sim.runs import run, smaller
from sim.soak import tail

SEEDS = 2000
SHARES = 20


@pytest.mark.parametrize("share", range(SHARES))
def test_every_world_keeps_the_promises(share: int) -> None:
    for seed in range(share, SEEDS, SHARES):
        broken = run(seed)
        if broken is not None:
            pytest.fail(tail(smaller(broken)), pytrace=False)
