"""What each version changed in the tables, one module a step."""
