"""Ranking as Jina and Voyage have it, under the path that both share."""
