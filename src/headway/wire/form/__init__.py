"""The intermediate form: what the requests, answers and streams of every dialect amount to.

A dialect reads its own words into it and writes it in its own words again; no dialect knows another. What the form has
no place for travels beside it, and whoever cannot express a thing says so.
"""
