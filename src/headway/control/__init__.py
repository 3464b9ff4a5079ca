"""Use cases that change what the gateway does. For now: publishing configuration."""
