"""Headway, an LLM gateway: routes, balances and fails over between providers behind one OpenAI-compatible API."""
