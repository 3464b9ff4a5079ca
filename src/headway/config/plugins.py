"""What other installed packages add: strategies of balancing, as entry points of the group `headway.balance`.

An entry point names a callable that makes a `core.balance.Strategy` for each tier. From then on the configuration may
use its name.
"""

from __future__ import annotations

from importlib.metadata import entry_points

from headway.core import balance

GROUP = "headway.balance"


def load_plugins() -> list[str]:
    """Make them known; their names. One whose name is taken is passed over. Raises whatever a package raises that
    cannot be imported.
    """
    names: list[str] = []
    for each in entry_points(group=GROUP):
        if each.name not in balance.STRATEGIES:
            balance.add(each.name, each.load())
            names.append(each.name)
    return names
