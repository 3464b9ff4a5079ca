"""OpenAI's Chat Completions, with what others make of it, from and into the intermediate form."""
