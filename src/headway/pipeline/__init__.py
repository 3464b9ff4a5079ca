"""Runs exchanges: one dispatcher for every endpoint, streamed or not. It decides nothing that `core` can decide."""
