"""Anthropic's Messages: requests, whole answers, streams, errors and the counting of tokens, on either side."""
