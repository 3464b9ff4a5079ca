"""The control plane over HTTP: what has happened, what it cost, how it stands."""
