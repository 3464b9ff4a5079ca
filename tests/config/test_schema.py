"""The schema, its copy for editors, and its documentation say the same."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

from headway.config import units
from headway.config.load import load_text
from headway.config.schema import json_schema
from headway.config.shape import choices_at, section_at, settings
from headway.types import BalanceName

ROOT = Path(__file__).parents[2]
DOCUMENTED = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)
DEFAULT = re.compile(r"^\| `([^`]+)` \| [^|]+ \| `([^`]+)` \|", re.MULTILINE)
SECTIONS = {
    "server": "ServerSection",
    "server.limits": "ServerLimitsSection",
    "server.limits.clients": "ClientLimitsSection",
    "models.*.queue": "QueueSection",
    "models.*": "ModelSection",
    "resilience": "GeneralResilienceSection",
    "resilience.timeouts": "TimeoutsSection",
    "resilience.hedge": "HedgeSection",
    "resilience.breaker": "BreakerSection",
    "idempotency": "IdempotencySection",
    "observability.alerts": "AlertsSection",
    "observability.alerts.error_rate": "ErrorRateSection",
    "observability.alerts.queue": "CrowdingSection",
    "observability.alerts.webhooks[*]": "WebhookSection",
}
EXAMPLE = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def documented() -> list[str]:
    return DOCUMENTED.findall((ROOT / "docs" / "configuration.md").read_text(encoding="utf-8"))


def test_the_schema_for_editors_is_current():
    """`python -m headway.config.schema > headway.schema.json` writes it."""
    assert json.loads((ROOT / "headway.schema.json").read_text(encoding="utf-8")) == json_schema()


def own_settings() -> set[str]:
    """Every setting; a model's resilience has the settings of `resilience`, which are documented there."""
    return {setting for setting in settings() if not setting.startswith("models.*.resilience.")}


def test_every_setting_is_documented_once():
    rows = documented()
    assert sorted(rows) == sorted(set(rows))
    assert own_settings() - set(rows) == set()


def test_every_documented_setting_exists():
    assert set(documented()) - own_settings() == set()


def test_the_examples_of_the_documentation_are_sound(tmp_path: Path):
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    environ = {f"{name}_API_KEY": "k" for name in ("OPENAI", "ANTHROPIC", "GROQ")} | {"AZURE_KEY_EU": "k"}
    for path in ("secrets/llm", "certs/internal-ca.pem"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("x")
    examples = EXAMPLE.findall(text)
    assert len(examples) > 5
    for example in examples:
        load_text(example.replace("file:/run/secrets/openai-b", "x"), name="x", folder=tmp_path, environ=environ)


def test_every_setting_has_a_description():
    schema = json_schema()
    sections = schema["$defs"]
    missing = [
        f"{section['title']}.{name}"
        for section in (schema, *sections.values())
        for name, setting in section["properties"].items()
        if not (setting.get("description") or sections[setting["$ref"].split("/")[-1]].get("description"))
    ]
    assert missing == []


def test_the_schema_for_editors_refuses_unknown_settings():
    schema = json_schema()
    assert [each["title"] for each in (schema, *schema["$defs"].values()) if each["additionalProperties"]] == []


def test_every_number_has_bounds_in_the_schema_for_editors():
    numbers = [
        (section["title"], name, form)
        for section in json_schema()["$defs"].values()
        for name, setting in section["properties"].items()
        for form in (setting, *setting.get("anyOf", ()))
        if form.get("type") in ("number", "integer")
    ]
    assert len(numbers) > 20
    assert [each for each in numbers if not {"minimum", "maximum"} <= set(each[2])] == []


def test_defaults_in_the_documentation_are_those_of_the_schema():
    """Of settings with a plain default; what it says of the others is prose."""
    properties = json_schema()["$defs"]
    rows = dict(DEFAULT.findall((ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")))
    assert rows["resilience.attempts"] == "3"
    for path, default in rows.items():
        for section in SECTIONS:
            name = path.removeprefix(f"{section}.")
            if name in properties[SECTIONS[section]]["properties"]:
                written = properties[SECTIONS[section]]["properties"][name]["default"]
                assert reads_as(default) == written, path


def reads_as(text: str) -> object:
    for read in (json.loads, units.duration, units.size, units.share):
        try:
            return read(text)
        except ValueError:
            continue
    return text


def test_the_shape_of_the_schema_can_be_walked():
    section = section_at(("providers", "openai", "keys", 0, "<mapping>", "limits"))
    assert section is not None
    assert "concurrency" in section.model_fields
    assert choices_at(("models", "default", "<mapping>", "balance")) == get_args(BalanceName)
    assert section_at(("server", "port")) is None
    assert section_at(("nowhere", 0)) is None
