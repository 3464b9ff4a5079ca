"""Which configuration file a command means."""

from __future__ import annotations

from pathlib import Path

import click

USUAL_FILE = Path("headway.yaml")


class BadConfiguration(click.ClickException):
    """It cannot be used; every reason stands in the message."""

    exit_code = 2


def meant(path: Path | None) -> Path | None:
    """What was named, else the usual one if it is there, else none: the environment counts."""
    return path or (USUAL_FILE if USUAL_FILE.exists() else None)
