"""Amazon's own client for Bedrock's runtime, boto3."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from end_to_end.sdks.seen import PLAIN, TOOLS, Call, Document, Forecast, Seen, Wish, arguments_in, result_of


class Converse:
    broken: tuple[type[Exception], ...] = (EventStreamError,)
    refused: type[Exception] = ClientError
    stops: tuple[str, str] = ("end_turn", "tool_use")
    keeps_signatures = True

    def __init__(self, url: str) -> None:
        self.sdk: Any = boto3.client(
            "bedrock-runtime",
            endpoint_url=f"{url}/bedrock",
            region_name="us-east-1",
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="any",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=20),
        )
        self.heard: list[str] = []

    def close(self) -> None:
        self.sdk.close()

    def said(self, text: str, picture: bytes | None = None) -> Document:
        content: list[Document] = [{"text": text}]
        if picture is not None:
            content.append({"image": {"format": "png", "source": {"bytes": picture}}})
        return {"role": "user", "content": content}

    def refusal(self, error: Exception) -> str:
        return type(error).__name__

    def answered(self, calls: list[Call]) -> list[Any]:
        blocks = [
            {"toolResult": {"toolUseId": call.id, "content": [{"text": result_of(call)}], "status": "success"}}
            for call in calls
        ]
        return [{"role": "user", "content": blocks}]

    def ask(self, model: str, history: list[Any], wish: Wish = PLAIN) -> Seen:
        asked: Document = {"modelId": model, "messages": history}
        if wish.tools:
            specs = [{"name": name, "inputSchema": {"json": fields}} for name, fields in TOOLS.items()]
            asked["toolConfig"] = {"tools": [{"toolSpec": spec} for spec in specs]}
        if wish.thinks:
            asked["inferenceConfig"] = {"maxTokens": 4096}
            asked["additionalModelRequestFields"] = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
        if not wish.stream:
            answer = self.sdk.converse(**asked)
            return self._seen(answer["output"]["message"]["content"], answer["stopReason"], answer["usage"], [])
        with contextlib.closing(self.sdk.converse_stream(**asked)["stream"]) as events:
            return self._streamed(events)

    def _streamed(self, events: Any) -> Seen:
        blocks: dict[int, Document] = {}
        pieces = self.heard = list[str]()
        stop, usage = "", {}
        for event in events:
            match next(iter(event.items())):
                case "contentBlockStart", {"contentBlockIndex": index, "start": {"toolUse": call}}:
                    blocks[index] = {"toolUse": {**call, "input": ""}}
                case "contentBlockDelta", {"contentBlockIndex": index, "delta": delta}:
                    _add(blocks.setdefault(index, {}), delta, pieces)
                case "messageStop", {"stopReason": reason}:
                    stop = reason
                case "metadata", {"usage": counts}:
                    usage = counts
                case _:
                    pass
        for block in blocks.values():
            if "toolUse" in block:
                block["toolUse"]["input"] = arguments_in(block["toolUse"]["input"])
        return self._seen([blocks[index] for index in sorted(blocks)], stop, usage, pieces)

    def _seen(self, blocks: list[Document], stop: str, usage: Document, pieces: list[str]) -> Seen:
        uses = [block["toolUse"] for block in blocks if "toolUse" in block]
        thoughts = [
            block["reasoningContent"].get("reasoningText", {}) for block in blocks if "reasoningContent" in block
        ]
        return Seen(
            text="".join(block["text"] for block in blocks if "text" in block),
            pieces=pieces,
            calls=[Call(use["toolUseId"], use["name"], use["input"]) for use in uses],
            stop=stop,
            spent=(
                usage["inputTokens"] + usage.get("cacheReadInputTokens", 0) + usage.get("cacheWriteInputTokens", 0),
                usage["outputTokens"],
            ),
            thought="".join(each.get("text", "") for each in thoughts),
            turn=[{"role": "assistant", "content": blocks}],
        )

    def parsed(self, model: str, text: str) -> Forecast:
        wanted = {
            "name": "forecast",
            "schema": json.dumps(Forecast.model_json_schema() | {"additionalProperties": False}),
        }
        answer = self.sdk.converse(
            modelId=model,
            messages=[self.said(text)],
            outputConfig={"textFormat": {"type": "json_schema", "structure": {"jsonSchema": wanted}}},
        )
        return Forecast.model_validate_json(answer["output"]["message"]["content"][0]["text"])

    def embedded(self, model: str, texts: list[str]) -> list[list[float]]:
        """Titan takes one text at a time."""
        return [json.loads(self._invoked(model, {"inputText": text}))["embedding"] for text in texts]

    def _invoked(self, model: str, body: Document) -> bytes:
        return self.sdk.invoke_model(modelId=model, body=json.dumps(body))["body"].read()

    def counted(self, model: str, text: str) -> int:
        return self.sdk.count_tokens(modelId=model, input={"converse": {"messages": [self.said(text)]}})["inputTokens"]


def _add(block: Document, delta: Document, pieces: list[str]) -> None:
    match delta:
        case {"text": text}:
            pieces.append(text)
            block["text"] = block.get("text", "") + text
        case {"toolUse": {"input": piece}}:
            block["toolUse"]["input"] += piece
        case {"reasoningContent": {"redactedContent": blob}}:
            block["reasoningContent"] = {"redactedContent": blob}
        case {"reasoningContent": told}:
            kept = block.setdefault("reasoningContent", {}).setdefault("reasoningText", {"text": ""})
            for name, piece in told.items():
                kept[name] = kept.get(name, "") + piece
        case _:
            raise AssertionError(base64.b64encode(repr(delta).encode()))
