"""OpenAI's API: what its requests ask for, how its replies and streams end, how its errors look."""
