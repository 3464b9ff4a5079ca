"""Amazon Bedrock's runtime API as the simulated provider speaks it."""
