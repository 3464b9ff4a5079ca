"""What refusals teach: every sentence that is understood, with where it was seen, and those that must teach nothing."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import Struct

from headway.core.lessons import MOST, Lesson
from headway.failures import FailureKind
from headway.providers.classification.classify import classify
from headway.providers.classification.lessons import (
    ABILITIES_BEHIND,
    DROPPABLE,
    NAMED,
    RENAMES,
    SAID,
    lesson_in,
    lessons_in,
)
from headway.providers.classification.reported import of
from headway.wire.form.abilities import ABILITIES
from headway.wire.http_head import Head

if TYPE_CHECKING:
    from providers.classification.conftest import Recording

CHANGES_WHAT_IS_ASKED = frozenset(
    {"model", "messages", "input", "contents", "tools", "tool_choice", "response_format", "stop", "n", "max_tokens"}
    | {"max_completion_tokens", "stream", "system", "instructions", "text", "output_config", "web_search_options"}
    | {"modalities", "audio", "previous_response_id", "functions", "function_call", "dimensions"}
)


class Row(Struct, frozen=True, kw_only=True):
    """`error`: what is inside `{"error": ...}`; `body`: the whole of it. `source` is an issue of a repository on GitHub
    that shows the body, or a recording by its id.
    """

    kind: str
    teaches: tuple[str, ...] = ()
    source: str
    error: Any = None
    body: Any = None
    status: int = 400

    @property
    def document(self) -> Any:
        return {"error": self.error} if self.body is None else self.body

    @property
    def data(self) -> bytes:
        return json.dumps(self.document).encode()


def said(message: str, **others: object) -> dict[str, object]:
    return {"message": message, "type": "invalid_request_error", **others}


def extra(*names: str) -> list[dict[str, object]]:
    return [
        {"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs are not permitted", "input": False}
        for name in names
    ]


def shown(lesson: Lesson) -> str:
    if lesson.ability:
        return f"no {lesson.ability}"
    return lesson.parameter if lesson.renamed is None else f"{lesson.parameter} -> {lesson.renamed}"


TEACHING = (
    # --- OpenAI and Azure ---
    Row(
        kind="openai",
        teaches=("max_tokens -> max_completion_tokens",),
        source="fish2018/YPrompt#26",
        error=said(
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            param="max_tokens",
            code="unsupported_parameter",
        ),
    ),
    Row(
        kind="azure",
        teaches=("temperature",),
        source="gabrii/Cursor-Azure-GPT-5#33",
        error=said(
            "Unsupported value: 'temperature' does not support 0 with this model. "
            "Only the default (1) value is supported.",
            param="temperature",
            code="unsupported_value",
        ),
    ),
    Row(
        kind="openai",
        teaches=("parallel_tool_calls",),
        source="run-llama/llama_index#20865",
        error=said(
            "Unsupported parameter: 'parallel_tool_calls' is not supported with this model.",
            param="parallel_tool_calls",
            code="unsupported_parameter",
        ),
    ),
    Row(
        kind="openai",
        teaches=("reasoning_effort", "reasoning"),
        source="RageAgainstThePixel/OpenAI-DotNet#500",
        error=said(
            "Unsupported parameter: 'reasoning.effort' is not supported with this model.",
            param="reasoning.effort",
            code="unsupported_parameter",
        ),
    ),
    Row(
        kind="azure",
        teaches=("parallel_tool_calls",),
        source="Azure/azure-sdk-for-net#45719",
        error=said("Unrecognized request argument supplied: parallel_tool_calls", param=None, code=None),
    ),
    Row(
        kind="openai",
        teaches=("reasoning_effort",),
        source="generative-computing/mellea#270",
        error=said("Unrecognized request argument supplied: reasoning_effort", param=None, code=None),
    ),
    Row(
        kind="azure",
        teaches=("reasoning_effort",),
        source="run-llama/llama_index#17731",
        error=said("Unknown parameter: 'reasoning_effort'.", param="reasoning_effort", code="unknown_parameter"),
    ),
    Row(
        kind="azure",
        teaches=("stream_options",),
        source="microsoft/semantic-kernel#8189",
        error=said("Unknown parameter: 'stream_options'.", param="stream_options", code="unknown_parameter"),
    ),
    Row(
        kind="openai",
        teaches=("no images",),
        source="vllm-project/vllm#11629",
        error=said(
            "Invalid content type. image_url is only supported by certain models.",
            param="messages.[0].content.[1].type",
            code=None,
        ),
    ),
    Row(
        kind="openai",
        teaches=("no json_schema",),
        source="web-infra-dev/midscene#259",
        error=said(
            "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model. Learn more "
            "about supported models at the Structured Outputs guide: "
            "https://platform.openai.com/docs/guides/structured-outputs",
            param=None,
            code=None,
        ),
    ),
    Row(
        kind="azure",
        teaches=("no json_output",),
        source="mrwadams/stride-gpt#19",
        error=said(
            "Invalid parameter: 'response_format' of type 'json_object' is not supported with this model.",
            param="response_format",
            code=None,
        ),
    ),
    # --- Anthropic, and Claude elsewhere ---
    Row(
        kind="anthropic",
        teaches=("temperature",),
        source="UKGovernmentBEIS/inspect_ai#3721",
        body={"type": "error", "error": said("`temperature` is deprecated for this model.")},
    ),
    Row(
        kind="bedrock",
        teaches=("temperature",),
        source="DayuanJiang/next-ai-draw-io#861",
        body={"message": "The model returned the following errors: temperature is deprecated for this model."},
    ),
    Row(
        kind="bedrock",
        teaches=("temperature",),
        source="RooCodeInc/Roo-Code#12162",
        body={
            "message": "The model returned the following errors: "
            + json.dumps({"type": "error", "error": said("`temperature` is deprecated for this model.")})
        },
    ),
    Row(
        kind="anthropic",
        teaches=("top_p",),
        source="cloud-apim/otoroshi-llm-extension#140",
        body={
            "type": "error",
            "error": said(
                "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
            ),
        },
    ),
    Row(
        kind="bedrock",
        teaches=("topP", "top_p"),
        source="skydiscover-ai/skydiscover#15",
        body={
            "message": "The model returned the following errors: `temperature` and `top_p` cannot both be specified "
            "for this model. Please use only one."
        },
    ),
    Row(
        kind="anthropic",
        teaches=("thinking", "reasoning_effort"),
        source="anthropics/claude-code#12914",
        body={"type": "error", "error": said("'claude-3-5-haiku-20241022' does not support thinking.")},
    ),
    # --- Google ---
    Row(
        kind="gemini",
        teaches=("frequencyPenalty", "frequency_penalty", "presencePenalty", "presence_penalty"),
        source="vercel/ai#8943",
        error={
            "code": 400,
            "message": "Penalty is not enabled for models/gemini-2.5-flash",
            "status": "INVALID_ARGUMENT",
        },
    ),
    Row(
        kind="vertex",
        teaches=("frequencyPenalty", "frequency_penalty", "presencePenalty", "presence_penalty"),
        source="google-gemini/cookbook#1290",
        error={"code": 400, "message": "Penalty is not enabled for this model", "status": "INVALID_ARGUMENT"},
    ),
    Row(
        kind="gemini",
        teaches=("responseLogprobs", "logprobs", "top_logprobs"),
        source="googleapis/python-genai#1921",
        body=[{"error": {"code": 400, "message": "Logprobs is not enabled for models/gemini-2.5-pro"}}],
    ),
    Row(
        kind="vertex",
        teaches=("responseLogprobs", "logprobs", "top_logprobs"),
        source="GoogleCloudPlatform/generative-ai#2947",
        error={"code": 400, "message": "Unable to submit request because Logprobs is not supported for this model."},
    ),
    Row(
        kind="gemini",
        teaches=("responseLogprobs", "logprobs", "top_logprobs"),
        source="google-gemini/deprecated-generative-ai-js#421",
        error={"code": 400, "message": "Logprobs is not supported for the current model."},
    ),
    Row(
        kind="gemini",
        teaches=("thinkingConfig", "thinking", "reasoning_effort"),
        source="lobehub/lobehub#7985",
        error={"code": 400, "message": "Thinking is not enabled for models/gemini-2.0-flash-preview-image-generation"},
    ),
    Row(
        kind="vertex",
        teaches=("thinkingConfig", "thinking", "reasoning_effort"),
        source="CherryHQ/cherry-studio#6319",
        error={
            "code": 400,
            "message": "Unable to submit request because thinking is not configurable in this model; please remove the "
            "thinking_config setting and try it again. Learn more: "
            "https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini",
            "status": "INVALID_ARGUMENT",
        },
    ),
    Row(
        kind="gemini",
        teaches=("no tools",),
        source="BerriAI/litellm#10313",
        error={"code": 400, "message": "Function calling is not enabled for models/gemma-3-27b-it"},
    ),
    Row(
        kind="vertex",
        teaches=("no tools",),
        source="anomalyco/opencode#41464",
        error={
            "code": 400,
            "message": "Unable to submit request because the model does not support function calling.",
            "status": "INVALID_ARGUMENT",
        },
    ),
    Row(
        kind="gemini",
        teaches=("no images",),
        source="langchain-ai/langchain-google#684",
        error={"code": 400, "message": "Image input modality is not enabled for models/gemini-1.5-flash"},
    ),
    Row(
        kind="gemini",
        teaches=("no json_output", "no json_schema"),
        source="google-gemini/deprecated-generative-ai-python#137",
        error={"code": 400, "message": "Json mode is not enabled for models/gemini-pro"},
    ),
    # --- Bedrock ---
    Row(
        kind="bedrock",
        teaches=("temperature",),
        source="aws-samples/sample-kolya-br-proxy#104",
        body={"message": "This model doesn't support the temperature field. Remove temperature and try again."},
    ),
    Row(
        kind="bedrock",
        teaches=("topP", "top_p"),
        source="aws-samples/sample-kolya-br-proxy#104, of another field",
        body={"message": "This model doesn't support the topP field. Remove topP and try again."},
    ),
    Row(
        kind="bedrock",
        teaches=("no tools",),
        source="langchain-ai/langchain-aws#447",
        body={"message": "This model doesn't support tool use."},
    ),
    Row(
        kind="bedrock",
        teaches=("no video",),
        source="recording 96447c902f1d",
        body={
            "message": "This model doesn't support the video content block that you provided. "
            "Update the content block and try again."
        },
    ),
    Row(
        kind="bedrock",
        teaches=("no images",),
        source="recording 96447c902f1d, of another block",
        body={
            "message": "This model doesn't support the image content block that you provided. "
            "Update the content block and try again."
        },
    ),
    # --- xAI, Groq, DeepSeek, Mistral, Moonshot, Fireworks, Cohere, Volcengine ---
    Row(
        kind="xai",
        teaches=("presence_penalty",),
        source="yym68686/uni-api#105",
        body={
            "code": "Client specified an invalid argument",
            "error": "Argument not supported on this model: presencePenalty",
        },
    ),
    Row(
        kind="xai",
        teaches=("reasoning_effort", "reasoning"),
        source="chenyme/grok2api#814",
        body={
            "code": "invalid-argument",
            "error": "Model grok-4.20-0309-reasoning does not support parameter reasoningEffort.",
        },
    ),
    Row(
        kind="groq",
        teaches=("reasoning_effort", "reasoning"),
        source="iamsrikanthnani/pluely#242",
        error=said("`reasoning_effort` is not supported with this model"),
    ),
    Row(
        kind="groq",
        teaches=("store",),
        source="fanenr/chatbot#21",
        error=said("property 'store' is unsupported, did you mean 'stop'?"),
    ),
    Row(
        kind="groq",
        teaches=("no tools",),
        source="vercel/ai#11516",
        error=said("`tool calling` is not supported with this model"),
    ),
    Row(
        kind="groq",
        teaches=("no json_schema",),
        source="ItzCrazyKns/Vane#980",
        error=said("This model does not support response format `json_schema`. See supported models at https://x.y"),
    ),
    Row(
        kind="groq",
        teaches=("no json_output",),
        source="ItzCrazyKns/Vane#980, of the other format",
        error=said("This model does not support response format `json_object`."),
    ),
    Row(
        kind="deepseek",
        teaches=("no tools",),
        source="spring-projects/spring-ai#2643",
        error=said("deepseek-reasoner does not support Function Calling", param=None, code="invalid_request_error"),
    ),
    Row(
        kind="deepseek",
        teaches=("no json_schema",),
        source="llm-exe/llm-exe#662",
        error=said("This response_format type is unavailable now", param=None, code="invalid_request_error"),
    ),
    Row(
        kind="deepseek",
        teaches=("no images",),
        source="rikkahub/rikkahub#1433",
        error=said(
            "Failed to deserialize the JSON body into the target type: messages[1]: unknown variant `image_url`, "
            "expected `text` at line 1 column 679289"
        ),
    ),
    Row(
        kind="mistral",
        status=422,
        teaches=("store",),
        source="Gitlawb/openclaude#739",
        body={"detail": extra("store", "max_completion_tokens")},
    ),
    Row(
        kind="mistral",
        status=422,
        teaches=("metadata",),
        source="OpenHands/OpenHands-CLI#83",
        body={"object": "error", "message": {"detail": extra("metadata")}, "type": "invalid_request_error"},
    ),
    Row(
        kind="mistral",
        status=422,
        teaches=("max_completion_tokens -> max_tokens",),
        source="editor-code-assistant/eca#231",
        body={
            "object": "error",
            "message": {"detail": extra("max_completion_tokens")},
            "type": "invalid_request_error",
        },
    ),
    Row(
        kind="mistral",
        status=422,
        teaches=("frequency_penalty",),
        source="mistralai/platform-docs-public#7",
        body={"object": "error", "message": json.dumps({"detail": extra("frequency_penalty")}), "code": "1000"},
    ),
    Row(
        kind="moonshot",
        teaches=("temperature",),
        source="HKUDS/nanobot#202",
        error=said("invalid temperature: only 1 is allowed for this model"),
    ),
    Row(
        kind="fireworks",
        teaches=("user",),
        source="web-infra-dev/midscene#1322, of another field",
        error=said("Extra inputs are not permitted, field: 'user', value: 'x'"),
    ),
    Row(
        kind="cohere",
        status=422,
        teaches=("logit_bias",),
        source="davidmigloz/ai_clients_dart#26, of another field",
        body={"id": "3039bcc8", "message": "unprocessable entity: logit_bias is not supported"},
    ),
    Row(
        kind="custom",
        teaches=("no json_schema",),
        source="agno-agi/agno#2553",
        error={
            "code": "InvalidParameter",
            "message": "The parameter `response_format.type` specified in the request are not valid: invalid value: "
            "`json_schema`, supported values are: `json_object` and `text`. Request id: 02174",
            "param": "response_format.type",
            "type": "BadRequest",
        },
    ),
    # --- gateways, and servers one runs oneself ---
    Row(
        kind="openrouter",
        status=404,
        teaches=("no tools",),
        source="Kilo-Org/kilocode#9006",
        error={
            "message": 'No endpoints found that support tool use. Try disabling "question". To learn more about '
            "provider routing, visit: https://openrouter.ai/docs/guides/routing/provider-selection",
            "code": 404,
        },
    ),
    Row(
        kind="openrouter",
        status=404,
        teaches=("no tools",),
        source="home-assistant/home-assistant.io#41145",
        error={"message": "No endpoints found that support tool use.", "code": 404},
    ),
    Row(
        kind="openrouter",
        status=404,
        teaches=("no images",),
        source="HartsyAI/SwarmUI-MagicPromptExtension#50",
        error={"message": "No endpoints found that support image input", "code": 404},
    ),
    Row(
        kind="openrouter",
        teaches=("no images",),
        source="danny-avila/LibreChat#6333",
        error={
            "code": 400,
            "message": "Provider returned error",
            "metadata": {
                "provider_name": "OpenAI",
                "raw": json.dumps(
                    {"error": said("Invalid content type. image_url is only supported by certain models.")}
                ),
            },
        },
    ),
    Row(
        kind="litellm",
        teaches=("reasoning_effort", "reasoning"),
        source="BerriAI/litellm#14163",
        error=said(
            "litellm.UnsupportedParamsError: groq does not support parameters: ['reasoning_effort'], for "
            "model=openai/gpt-oss-120b. To drop these, set `litellm.drop_params=True` or for proxy: ..."
        ),
    ),
    Row(
        kind="litellm",
        teaches=("reasoning_effort", "reasoning"),
        source="BerriAI/litellm#38842",
        error={
            "message": "litellm.BadRequestError: OpenAIException - "
            + json.dumps({"error": said("Unsupported parameter: 'reasoning.effort' is not supported with this model.")})
            + ". Received Model Group=gpt-4o Available Model Group Fallbacks=None",
            "type": "invalid_request_error",
            "param": None,
            "code": "400",
        },
    ),
    Row(
        kind="ollama",
        teaches=("no tools",),
        source="pydantic/pydantic-ai#703",
        error={"message": "registry.ollama.ai/library/llama3:8b does not support tools", "type": "api_error"},
    ),
    Row(
        kind="ollama",
        teaches=("no tools",),
        source="ollama/ollama#14795",
        body={"error": "registry.ollama.ai/library/Qwen3.5:0.8b does not support tools"},
    ),
    Row(
        kind="ollama",
        teaches=("think", "reasoning_effort"),
        source="Gitlawb/openclaude#1371",
        error=said('"llama3.1:8b" does not support thinking'),
    ),
    Row(
        kind="vllm",
        teaches=("no tools",),
        source="QwenLM/Qwen-Agent#344",
        body={
            "object": "error",
            "message": '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
            "type": "BadRequestError",
            "code": 400,
        },
    ),
    Row(
        kind="vllm",
        teaches=("no images",),
        source="vllm-project/vllm#23402",
        body={"object": "error", "message": "internlm/Intern-S1 is not a multimodal model", "type": "BadRequestError"},
    ),
    Row(
        kind="vllm",
        teaches=("max_completion_tokens -> max_tokens",),
        source="1Panel-dev/MaxKB#2912",
        body={
            "object": "error",
            "message": "[{'type': 'extra_forbidden', 'loc': ('body', 'max_completion_tokens'), "
            "'msg': 'Extra inputs are not permitted', 'input': 800}]",
            "type": "BadRequestError",
            "code": 400,
        },
    ),
    Row(
        kind="lmstudio",
        teaches=("no images",),
        source="lmstudio-ai/lmstudio-bug-tracker#908",
        body={"error": "Model does not support images. Please use a model that does."},
    ),
)

SILENT = (
    # --- a value, not the parameter ---
    Row(
        kind="openai",
        source="recording 37915e439a1e",
        error=said("Invalid 'temperature': decimal below minimum value. Expected a value >= 0, but got -1 instead."),
    ),
    Row(kind="custom", source="the rule's own counterexample", error=said("temperature must be between 0 and 1")),
    Row(
        kind="anthropic",
        source="recording b77f66c5c2f2",
        error=said("This model does not support effort level 'xhigh'. Supported levels: high, low, max, medium."),
    ),
    Row(
        kind="azure",
        source="BerriAI/litellm#16704",
        error=said(
            "Invalid value: 'none'. Supported values are: 'low', 'medium', and 'high'.", param="reasoning_effort"
        ),
    ),
    Row(
        kind="groq",
        source="iamsrikanthnani/pluely#219",
        error=said("`reasoning_effort` must be one of `none` or `default`"),
    ),
    Row(
        kind="ollama", source="ollama/ollama#12561", error=said('think value "medium" is not supported for this model')
    ),
    Row(
        kind="openrouter",
        status=404,
        source="zed-industries/zed#36094: tools are taken, only not this choice",
        error=said("No endpoints found that support the provided 'tool_choice' value."),
    ),
    Row(
        kind="bedrock",
        source="strands-agents/harness-sdk#1241: tools are taken, only not this choice",
        body={
            "message": "This model doesn't support the toolConfig.toolChoice.any field. "
            "Remove toolConfig.toolChoice.any and try again."
        },
    ),
    Row(
        kind="gemini",
        source="RooCodeInc/Roo-Code#10700: budgets are taken",
        error=said("Thinking level is not supported for this model."),
    ),
    # --- of one request, not of the model ---
    Row(
        kind="bedrock",
        source="earendil-works/pi#3739: without streaming it does",
        body={"message": "This model doesn't support tool use in streaming mode."},
    ),
    Row(
        kind="bedrock",
        source="anomalyco/opencode#49443: it takes images, only not in the result of a tool",
        body={"message": "This model doesn't support the image field for user messages. Remove image and try again."},
    ),
    Row(
        kind="azure",
        source="can1357/oh-my-pi#11052: it depends on the tools",
        error=said("Function tools with reasoning_effort are not supported for gpt-6-astra in /v1/chat/completions."),
    ),
    Row(
        kind="openai",
        source="openai/openai-openapi#287: it depends on the tools",
        error=said(
            "Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed when 'tools' are specified."
        ),
    ),
    Row(
        kind="vllm",
        source="vllm-project/vllm#13513",
        body={"object": "error", "message": "At most 1 image(s) may be provided in one request.", "code": 400},
    ),
    Row(
        kind="openai",
        source="recording 159a9af3b6cb",
        error=said("The file type you uploaded is not supported. Please try again with a pdf", code="unsupported_file"),
    ),
    # --- what would change what is asked ---
    Row(
        kind="openai",
        source="recording f21fe9b52e22",
        error=said("Web search options not supported with this model.", param="web_search_options"),
    ),
    Row(
        kind="openai",
        source="recording e3e20308df4f",
        error=said(
            "Unsupported value: 'messages[0].role' does not support 'developer' with this model.",
            code="unsupported_value",
        ),
    ),
    Row(
        kind="bedrock",
        source="recording 7e8bd394a98c",
        body={"message": "This model doesn't support the s3Uri field. Remove s3Uri and try again."},
    ),
    Row(
        kind="xai",
        source="madaan/llm-reasoning-tutorial#3",
        body={"code": "invalid-argument", "error": "Argument not supported on this model: stop"},
    ),
    Row(
        kind="cohere",
        status=422,
        source="davidmigloz/ai_clients_dart#26",
        body={"id": "3039bcc8", "message": "unprocessable entity: n is not supported"},
    ),
    Row(
        kind="anthropic",
        source="ding113/claude-code-hub#662: the schema of the output is there too",
        error=said("output_config: Extra inputs are not permitted"),
    ),
    # --- a name that belongs elsewhere ---
    Row(
        kind="openai",
        source="OpenHands/software-agent-sdk#755",
        error=said(
            "Unsupported parameter: 'reasoning_effort'. In the Responses API, this parameter has moved to "
            "'reasoning.effort'. Try again with the new parameter. See the API documentation for more information: "
            "https://platform.openai.com/docs/api-reference/responses/create.",
            code="unsupported_parameter",
        ),
    ),
    Row(
        kind="openai",
        source="mkht/PSOpenAI#44",
        error=said(
            "Unsupported parameter: 'response_format'. In the Responses API, this parameter has moved to 'text.format'."
        ),
    ),
    Row(
        kind="openai",
        source="of the same form: the Responses API knows no seed, a chat with the same model does",
        error=said("Unknown parameter: 'seed'.", param="seed", code="unknown_parameter"),
    ),
    Row(
        kind="fireworks",
        source="FlowiseAI/Flowise#2866: it may be the Responses API that says so today",
        error=said("Extra inputs are not permitted, field: 'stream_options'"),
    ),
    Row(
        kind="anthropic",
        source="Wei-Shaw/sub2api#2764: counting tokens takes no temperature, a message does",
        error=said("temperature: Extra inputs are not permitted"),
    ),
    Row(
        kind="gemini",
        source="n4ze3m/page-assist#418: natively it is a name in the wrong place",
        body=[
            {
                "error": {
                    "code": 400,
                    "message": 'Invalid JSON payload received. Unknown name "frequency_penalty": Cannot find field.',
                }
            }
        ],
    ),
    Row(
        kind="mistral",
        status=422,
        source="charmbracelet/crush#1590",
        body={
            "detail": [
                {
                    "type": "extra_forbidden",
                    "loc": ["body", "messages", 3, "assistant", "reasoning_content"],
                    "msg": "Extra inputs are not permitted",
                }
            ]
        },
    ),
    Row(
        kind="mistral",
        status=422,
        source="partITech/php-mistral#76: of another endpoint",
        body={"object": "Error", "detail": extra("tools"), "message": extra("tools"), "code": 3001},
    ),
    Row(
        kind="vllm",
        source="RUC-NLPIR/WebThinker#7",
        body={
            "object": "error",
            "message": "[{'type': 'extra_forbidden', 'loc': ('body', 'bad_words'), "
            "'msg': 'Extra inputs are not permitted', 'input': [\"'loc': ('body', 'seed')\"]}]",
        },
    ),
    Row(
        kind="groq",
        source="janhq/jan#8136",
        error=said(
            "'messages.1' : for 'role:assistant' the following must be satisfied"
            "[('messages.1' : property 'reasoning_content' is unsupported)]"
        ),
    ),
    # --- not about abilities at all ---
    Row(
        kind="voyage",
        source="recording 101ad0b71753",
        body={"detail": "Model nonexistent is not supported. Supported models are ['voyage-2']."},
    ),
    Row(
        kind="gemini",
        status=404,
        source="recording 05945c1bef93",
        error=said(
            "models/nonexistent-model is not found for API version v1beta, or is not supported for countTokens."
        ),
    ),
    Row(
        kind="bedrock",
        source="recording 0d42fd19fdec",
        body={"message": "The provided model doesn't support counting tokens."},
    ),
)


def ids(rows: tuple[Row, ...]) -> list[str]:
    return [f"{row.kind}-{row.source.partition(':')[0]}" for row in rows]


@pytest.mark.parametrize("refusal", TEACHING, ids=ids(TEACHING))
def test_a_refusal_teaches_what_its_fixture_says(refusal: Row) -> None:
    assert tuple(map(shown, lessons_in(refusal.kind, refusal.status, refusal.data))) == refusal.teaches


@pytest.mark.parametrize("refusal", SILENT, ids=ids(SILENT))
def test_what_is_the_clients_to_mend_teaches_nothing(refusal: Row) -> None:
    assert lessons_in(refusal.kind, refusal.status, refusal.data) == ()


@pytest.mark.parametrize("refusal", TEACHING, ids=ids(TEACHING))
def test_the_one_lesson_is_the_first(refusal: Row) -> None:
    assert (
        lesson_in(refusal.kind, refusal.status, refusal.data)
        == lessons_in(refusal.kind, refusal.status, refusal.data)[0]
    )


@pytest.mark.parametrize("refusal", TEACHING, ids=ids(TEACHING))
def test_a_refusal_that_teaches_is_of_a_kind_from_which_lessons_are_learnt(refusal: Row) -> None:
    head = Head(b"HTTP/1.1 %d X\r\n" % refusal.status)
    failure = classify(refusal.kind, refusal.status, head, refusal.data, who="up/m", wall=0.0)
    assert failure.kind in {FailureKind.INVALID_REQUEST, FailureKind.UNSUPPORTED_FEATURE, FailureKind.MODEL_NOT_FOUND}


@pytest.mark.parametrize("rule", [*NAMED, *SAID], ids=lambda rule: rule.pattern.pattern[:40])
def test_every_sentence_has_a_fixture(rule: Any) -> None:
    whole = [line for row in TEACHING for line in of(row.document).lines]
    assert [line for line in whole if rule.pattern.search(line)]


def test_nothing_that_changes_what_is_asked_is_ever_left_out() -> None:
    assert DROPPABLE & (CHANGES_WHAT_IS_ASKED | set(ABILITIES_BEHIND)) == set()


def test_abilities_are_those_of_the_form() -> None:
    told = {name for names in ABILITIES_BEHIND.values() for name in names}
    assert told | {name for rule in SAID for name in rule.abilities} <= ABILITIES


def test_parameters_of_the_tables_may_be_left_out() -> None:
    assert {name for rule in SAID for name in rule.parameters} <= DROPPABLE


def test_a_name_stands_for_another_both_ways() -> None:
    assert all(RENAMES[new] == old for old, new in RENAMES.items())


def test_all_that_can_be_taught_fits_into_what_is_remembered() -> None:
    for kind in ("gemini", "bedrock", "anthropic", "openai", "ollama"):
        taught = {lesson for row in TEACHING for lesson in lessons_in(kind, row.status, row.data)}
        assert len(taught) <= MOST


@pytest.mark.parametrize("name", sorted(CHANGES_WHAT_IS_ASKED - set(ABILITIES_BEHIND)))
def test_a_refusal_of_what_changes_the_question_is_told_to_the_client(name: str) -> None:
    for sentence in (
        f"Unsupported parameter: '{name}' is not supported with this model.",
        f"Unknown parameter: '{name}'.",
        f"`{name}` is not supported with this model",
        f"Argument not supported on this model: {name}",
    ):
        assert lessons_in("openai", 400, json.dumps({"error": said(sentence)}).encode()) == ()


@pytest.mark.parametrize("name", ["tools", "tool_choice"])
def test_a_refusal_of_tools_is_a_missing_ability(name: str) -> None:
    body = {"error": said(f"Unsupported parameter: '{name}' is not supported with this model.")}
    assert [*map(shown, lessons_in("openai", 400, json.dumps(body).encode()))] == ["no tools"]


def test_another_name_that_is_not_known_for_the_same_thing_teaches_nothing() -> None:
    body = {"error": said("Unsupported parameter: 'seed' is not supported with this model. Use 'random_seed' instead.")}
    assert lessons_in("openai", 400, json.dumps(body).encode()) == ()


def test_a_recorded_error_teaches_no_more_than_is_noted_for_it(recording: Recording) -> None:
    noted = [row.teaches for row in TEACHING if row.source == f"recording {recording.id}"]
    again = "video content block" in recording.data.decode()  # the same words were recorded twice
    taught = tuple(map(shown, lessons_in(recording.provider, recording.status, recording.data)))
    assert taught == (("no video",) if again else next(iter(noted), ()))


@pytest.mark.parametrize("status", [200, 401, 402, 403, 408, 413, 429, 500, 503])
def test_only_refusals_of_a_request_teach(status: int) -> None:
    assert lessons_in("openai", status, TEACHING[0].data) == ()


@pytest.mark.parametrize("before", ["In the prompt: ", "messages[0]: ", '" ', "The model said `x`. "])
def test_a_sentence_inside_another_teaches_nothing(before: str) -> None:
    """A provider may repeat what the client wrote, and a client must not be able to teach."""
    for row in TEACHING:
        for line in of(row.document).lines:
            body = json.dumps({"error": said(before + line)}).encode()
            assert lessons_in(row.kind, row.status, body) == ()


def test_what_the_client_wrote_is_not_listened_to() -> None:
    sentence = "Unsupported parameter: 'temperature' is not supported with this model."
    for repeated in (
        {"detail": [{"type": "missing", "loc": ["body", "x"], "msg": "Field required", "input": sentence}]},
        {"error": {"message": "Bad request", "failed_generation": sentence, "input": {"message": sentence}}},
        {"error": {"message": "Bad request"}, "metadata": {"message": sentence}},
        {"detail": [{"type": "missing", "loc": ["body", "x"], "input": extra("temperature")}]},
    ):
        assert lessons_in("openai", 400, json.dumps(repeated).encode()) == ()


@pytest.mark.parametrize("refusal", TEACHING, ids=ids(TEACHING))
def test_a_page_or_plain_text_teaches_nothing(refusal: Row) -> None:
    line = of(refusal.document).lines[0] if of(refusal.document).lines else "x"
    assert lessons_in(refusal.kind, refusal.status, line.encode()) == ()
    assert lessons_in(refusal.kind, refusal.status, b"<html><body>" + line.encode() + b"</body></html>") == ()


HOSTILE = (
    b"",
    b"\xff\xfe\x00",
    b"null",
    b"0",
    b'"',
    b'"text"',
    b"[]",
    b"[[[[[[[[[[[[[]]]]]]]]]]]]]",
    b"[" * 60_000,
    b'{"message":' * 5_000,
    b'{"error":{"message":"\\ud800 does not support tools"}}',
    b'{"error":{"message":["x",{"message":7}]}}',
    b'{"detail":[{"type":"extra_forbidden","loc":"body"}]}',
    b'{"detail":[{"type":"extra_forbidden","loc":["body",7]}]}',
    b'{"detail":[{"type":"extra_forbidden","loc":["body"]}]}',
    b'{"detail":[{"type":["extra_forbidden"],"loc":{}}]}',
    json.dumps({"message": json.dumps({"message": json.dumps({"message": "[" * 5000})})}).encode(),
    json.dumps({"error": {"message": "x" * 60_000 + " does not support tools"}}).encode(),
    json.dumps({"error": {"message": "Unsupported parameter: '" + "a." * 30_000}}).encode(),
    json.dumps({"error": {"message": "Model " + "a " * 30_000 + "does not support parameter seed"}}).encode(),
    json.dumps({"error": {"message": "The model returned the following errors: " + "{" * 3000}}).encode(),
    json.dumps({"message": "[{'type': 'extra_forbidden', 'loc': ('body', '" + "a" * 60_000}).encode(),
    b'{"error":{"message":"' + b"a" * 70_000 + b'"}}',
)


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("kind", ["ollama", "openai", "gemini", "deepseek", "no such provider"])
def test_a_hostile_body_teaches_nothing(kind: str, body: bytes) -> None:
    assert lessons_in(kind, 400, body) == ()


def test_a_body_that_is_cut_or_damaged_anywhere_does_no_harm() -> None:
    dice = random.Random(7)
    for row in TEACHING:
        data = row.data
        for _ in range(40):
            damaged = bytearray(data)
            damaged[dice.randrange(len(data))] = dice.randrange(256)
            for body in (bytes(damaged), data[: dice.randrange(len(data))]):
                for lesson in lessons_in(row.kind, row.status, body):
                    assert lesson.ability in ABILITIES or lesson.parameter
