"""Ollama's own chat, `/api/chat`, read and written on either side."""
