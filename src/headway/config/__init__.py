"""Configuration: what people write, validated and compiled into a `Snapshot`.

`load` is the entrance; every other module here decides one step on the way. Nothing reads the process environment: it
is an argument.
"""
