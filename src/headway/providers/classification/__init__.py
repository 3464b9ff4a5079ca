"""What a provider's error means: a closed set of kinds, and tables that say which error is which."""
