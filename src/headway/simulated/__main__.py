"""Runs the command line of the simulated provider."""

from headway.simulated.cli import main

main(prog_name="python -m headway.simulated")
