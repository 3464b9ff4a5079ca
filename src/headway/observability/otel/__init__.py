"""Exchanges as OpenTelemetry sees them: spans and metrics by its semantic conventions, sent by OTLP.

Importing this package loads nothing of OpenTelemetry's; `pipe` does.
"""
