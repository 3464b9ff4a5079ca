"""Bedrock's Converse: one request shape for all models of Bedrock, answers whole or as a binary event stream."""
