"""Anthropic's Messages API as the simulated provider speaks it, at Anthropic and behind Vertex AI."""
