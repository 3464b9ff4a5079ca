"""The sections of headway.yaml: for each its settings, their defaults and what they are for.

`schema` puts them together.
"""
