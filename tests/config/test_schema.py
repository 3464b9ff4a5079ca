"""The schema, its copy for editors, and its documentation say the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

from headway.config.schema import json_schema
from headway.config.shape import choices_at, section_at, settings

ROOT = Path(__file__).parents[2]
DOCUMENTED = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)


def documented() -> list[str]:
    return DOCUMENTED.findall((ROOT / "docs" / "configuration.md").read_text(encoding="utf-8"))


def test_the_schema_for_editors_is_current():
    """`python -m headway.config.schema > headway.schema.json` writes it."""
    assert json.loads((ROOT / "headway.schema.json").read_text(encoding="utf-8")) == json_schema()


def test_every_setting_is_documented_once():
    rows = documented()
    assert sorted(rows) == sorted(set(rows))
    assert set(settings()) - set(rows) == set()


def test_every_documented_setting_exists():
    assert set(documented()) - set(settings()) == set()


def test_every_setting_has_a_description():
    schema = json_schema()
    sections = [schema, *schema["$defs"].values()]
    missing = [
        f"{section['title']}.{name}"
        for section in sections
        for name, setting in section["properties"].items()
        if not setting.get("description")
    ]
    assert missing == []


def test_the_schema_for_editors_refuses_unknown_settings():
    schema = json_schema()
    assert [each["title"] for each in (schema, *schema["$defs"].values()) if each["additionalProperties"]] == []


def test_the_shape_of_the_schema_can_be_walked():
    section = section_at(("providers", "openai", "keys", 0, "<mapping>", "limits"))
    assert section is not None
    assert "concurrency" in section.model_fields
    assert choices_at(("models", "default", "<mapping>", "balance")) == ("weighted", "round_robin")
    assert section_at(("server", "port")) is None
    assert section_at(("nowhere", 0)) is None
