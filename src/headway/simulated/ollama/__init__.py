"""Ollama's own API as the simulated provider speaks it."""
