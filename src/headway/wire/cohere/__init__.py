"""Cohere's chat, version 2, read and written on either side."""
