"""A provider that is not one: the wires of OpenAI, Anthropic, Google, Bedrock, Cohere and Ollama, deterministic
answers, a true quota, and faults on request.

For tests, demos and rehearsals of outages. See docs/simulated-provider.md.
"""
