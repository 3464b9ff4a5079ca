"""Google's own client, google-genai."""

from __future__ import annotations

from typing import Any

from google import genai
from google.genai import errors, types

from end_to_end.sdks.seen import PLAIN, TOOLS, Call, Forecast, Seen, Wish, result_of


class Gemini:
    broken: tuple[type[Exception], ...] = (errors.APIError,)
    refused: type[Exception] = errors.APIError
    stops: tuple[str, str] = ("STOP", "STOP")
    keeps_signatures = True

    def __init__(self, url: str) -> None:
        options = types.HttpOptions(base_url=f"{url}/genai", timeout=20_000)
        self.sdk = genai.Client(api_key="any", http_options=options)
        self.heard: list[str] = []

    def close(self) -> None:
        self.sdk.close()

    def said(self, text: str, picture: bytes | None = None) -> types.Content:
        parts = [types.Part.from_text(text=text)]
        if picture is not None:
            parts.append(types.Part.from_bytes(data=picture, mime_type="image/png"))
        return types.Content(role="user", parts=parts)

    def refusal(self, error: Exception) -> str:
        code = error.code if isinstance(error, errors.APIError) else None
        return f"{type(error).__name__} {code}"

    def answered(self, calls: list[Call]) -> list[Any]:
        responses = [
            types.FunctionResponse(id=call.id or None, name=call.name, response={"result": result_of(call)})
            for call in calls
        ]
        return [types.Content(role="user", parts=[types.Part(function_response=each) for each in responses])]

    def ask(self, model: str, history: list[Any], wish: Wish = PLAIN) -> Seen:
        config = types.GenerateContentConfig(
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True)
        )
        if wish.tools:
            declared = [
                types.FunctionDeclaration(name=name, parameters_json_schema=fields) for name, fields in TOOLS.items()
            ]
            config.tools = [types.Tool(function_declarations=declared)]
        if wish.thinks:
            config.thinking_config = types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)
        if wish.stream:
            self.heard = []
            chunks: list[types.GenerateContentResponse] = []
            for chunk in self.sdk.models.generate_content_stream(model=model, contents=history, config=config):
                chunks.append(chunk)
                self.heard += [part.text or "" for part in chunk.parts or () if not part.thought]
            return self._seen(chunks)
        return self._seen([self.sdk.models.generate_content(model=model, contents=history, config=config)])

    def _seen(self, chunks: list[types.GenerateContentResponse]) -> Seen:
        candidates = [chunk.candidates[0] for chunk in chunks if chunk.candidates]
        parts = [part for each in candidates if each.content for part in each.content.parts or ()]
        pieces = [part.text for part in parts if part.text and not part.thought]
        usage = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata][-1]
        calls = [part.function_call for part in parts if part.function_call]
        reason = next(each.finish_reason for each in reversed(candidates) if each.finish_reason)
        return Seen(
            text="".join(pieces),
            pieces=pieces,
            calls=[Call(call.id or "", call.name or "", call.args or {}) for call in calls],
            stop=reason.value,
            spent=(
                usage.prompt_token_count or 0,
                (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0),
            ),
            thought="".join(part.text or "" for part in parts if part.thought),
            turn=[types.Content(role="model", parts=parts)],
        )

    def parsed(self, model: str, text: str) -> Forecast:
        config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=Forecast)
        found = self.sdk.models.generate_content(model=model, contents=text, config=config).parsed
        assert isinstance(found, Forecast)
        return found

    def embedded(self, model: str, texts: list[str]) -> list[list[float]]:
        contents: Any = [types.Content(parts=[types.Part.from_text(text=text)]) for text in texts]
        found = self.sdk.models.embed_content(model=model, contents=contents).embeddings or []
        return [each.values or [] for each in found]

    def counted(self, model: str, text: str) -> int:
        return self.sdk.models.count_tokens(model=model, contents=text).total_tokens or 0

    def models(self) -> set[str]:
        return {(each.name or "").removeprefix("models/") for each in self.sdk.models.list()}

    def model(self, model: str) -> str:
        return (self.sdk.models.get(model=model).name or "").removeprefix("models/")
