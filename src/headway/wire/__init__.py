"""What travels: framing and dialects as pure functions and small state machines over bytes."""
