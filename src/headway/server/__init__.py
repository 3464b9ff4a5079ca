"""The data plane's HTTP server: the lean lane, the same gateway as an ASGI app, and the small pages beside it."""
