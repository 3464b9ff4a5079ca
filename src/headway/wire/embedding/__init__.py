"""Texts and pictures turned into vectors, in the words of every provider that does it."""
