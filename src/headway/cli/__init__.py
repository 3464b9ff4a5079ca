"""The command line: one module per command, each a thin edge over the packages below."""
