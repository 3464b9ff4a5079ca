"""A provider that is not one: OpenAI's wire, deterministic answers, a true quota, and faults on request.

For tests, demos and rehearsals of outages. See docs/simulated-provider.md.
"""
