"""OpenAI's Responses API as a dialect: requests, answers and streams, on either side of the gateway."""
