"""Cohere's API, version 2, as the simulated provider speaks it."""
