"""Replicate's predictions, of models that answer with words; only providers speak this dialect."""
