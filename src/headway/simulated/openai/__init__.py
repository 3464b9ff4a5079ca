"""OpenAI's API as the simulated provider speaks it: the form that most providers share."""
