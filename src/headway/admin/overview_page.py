"""The description of the administration as a page to read: no script, nothing from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2024}"
    "code{font:14px ui-monospace,monospace}h2{margin-top:2rem;font-size:1.1rem}"
    "table{border-collapse:collapse;width:100%}"
    "td{border-top:1px solid #d9dde1;padding:.3rem .6rem .3rem 0;vertical-align:top}"
)


def overview_page(description: dict[str, Any]) -> str:
    """HTML of an OpenAPI description: each operation with its parameters."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>Headway's administration</title>",
        f"<style>{_STYLE}</style><h1>Headway's administration</h1><p>{escape(description['info']['description'])}</p>",
        "<p>For tools: <a href=openapi.json><code>/api/openapi.json</code></a></p>",
    ]
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            parts.append(
                f"<h2><code>{method.upper()} /api{escape(path)}</code></h2><p>{escape(operation['summary'])}</p>"
            )
            rows = [_row(each) for each in operation.get("parameters", ())]
            if rows:
                parts.append(f"<table>{''.join(rows)}</table>")
    return "".join(parts) + "</html>"


def _row(parameter: dict[str, Any]) -> str:
    need = " (needed)" if parameter.get("required") else ""
    kind = _kind(parameter.get("schema", {}))
    about = escape(parameter.get("description", ""))
    return f"<tr><td><code>{escape(parameter['name'])}</code>{need}</td><td>{escape(kind)}</td><td>{about}</td></tr>"


def _kind(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(str(each) for each in schema["enum"])
    if "anyOf" in schema:
        return ", or ".join(_kind(each) for each in schema["anyOf"] if each.get("type") != "null")
    return str(schema.get("format") or schema.get("const") or schema.get("type") or "")
