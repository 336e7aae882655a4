"""One request to one endpoint through langchain-openai, with every way it can end as a value.

Imports langchain (two seconds): only to be imported inside the functions that call a model.

What an endpoint says about a failure may echo our key or the operator's text, so none of it is kept but its short code;
the library's exceptions, which hold it all, end in `ask`.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI
from langsmith import tracing_context

from agentos.models.exchange import Exchange, Failure, Reply
from agentos.models.prices import OPENAI
from agentos.models.request import Usage
from agentos.outside import retry_after_seconds
from agentos.workspace.model import ModelEndpoint

MAX_BODY = 8_000_000
"""Bytes. No answer of at most a few thousand tokens is longer; a server that floods us is cut off."""

CONNECT_SECONDS = 10.0

_CODE = re.compile(r"[a-z][a-z_]{1,40}")
_BUSY = frozenset({408, 409, 425, 429, 500, 503, 529})
"""Turned away before or instead of an answer, and not billed. 502 and 504 come from gateways: an answer may be lost."""
_LOST = frozenset({502, 504})
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError, httpx2.UnsupportedProtocol)


class _GarbledError(Exception):
    """Raised while the body is read, so that no library gets to interpret what is not an answer."""


async def ask(endpoint: ModelEndpoint, key: str, exchange: Exchange, *, now: datetime) -> Reply | Failure:
    """Send, and wait at most `endpoint.timeout_seconds` for the whole answer, however it trickles. Never retries.

    `now` only reads a Retry-After date. Traces are off whatever the environment says: prompts are the operator's.
    """
    try:
        with tracing_context(enabled=False):
            async with asyncio.timeout(endpoint.timeout_seconds), _http(endpoint) as http:
                message = await _chat(endpoint, key, exchange, http).ainvoke(list(exchange.messages))
    except TimeoutError:
        return Failure("lost")
    except openai.APIStatusError as error:
        return _status(error, key, now)
    except openai.APIConnectionError as error:
        return Failure("unsent" if _never_sent(error) else "lost")
    except (openai.OpenAIError, _GarbledError, ValueError, TypeError, KeyError, AttributeError):
        # A body that is JSON but no chat completion breaks the libraries in any of these ways.
        return Failure("garbled")
    return _reply(message) if isinstance(message, AIMessage) else Failure("garbled")


def _chat(endpoint: ModelEndpoint, key: str, exchange: Exchange, http: httpx2.AsyncClient) -> ChatOpenAI:
    """The length goes under the name the server knows; response_format goes past openai's own parser, which would
    throw a cut-off answer away together with its usage. The key as a coroutine keeps it out of every repr."""

    async def api_key() -> str:
        return key

    length = "max_completion_tokens" if _openai(endpoint) else "max_tokens"
    extra: dict[str, Any] = {length: exchange.max_tokens}
    if exchange.response_format is not None:
        extra["response_format"] = exchange.response_format
    return ChatOpenAI(
        model=endpoint.model,
        base_url=endpoint.base_url or OPENAI,
        api_key=api_key,
        temperature=exchange.temperature,
        max_retries=0,
        timeout=endpoint.timeout_seconds,
        use_responses_api=False,
        cache=False,
        openai_proxy=None,
        http_async_client=http,
        extra_body=extra,
    )


def _openai(endpoint: ModelEndpoint) -> bool:
    host = urlsplit(endpoint.base_url or OPENAI).hostname or ""
    return host.endswith((".openai.com", ".azure.com"))


def _http(endpoint: ModelEndpoint) -> httpx2.AsyncClient:
    """A redirect could carry a confidential prompt elsewhere, and so could a proxy named in the environment: redirects
    are never followed, and a local model is never asked through a proxy."""
    connect = min(CONNECT_SECONDS, endpoint.timeout_seconds)
    return httpx2.AsyncClient(
        verify=_certificates(),
        trust_env=not endpoint.local,
        follow_redirects=False,
        timeout=httpx2.Timeout(endpoint.timeout_seconds, connect=connect),
        event_hooks={"response": [_read]},
    )


@cache
def _certificates() -> ssl.SSLContext:
    return httpx2.create_ssl_context()


async def _read(response: httpx2.Response) -> None:
    """Read the body up to MAX_BODY and, of a success, insist on the shape of a chat completion."""
    if isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _Capped(response.stream)
    await response.aread()
    if not response.is_success:
        return
    try:
        message = json.loads(response.content)["choices"][0]["message"]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise _GarbledError from None
    if not isinstance(message, dict) or not isinstance(message.get("content"), str | None):
        raise _GarbledError
    if "json" not in response.headers.get("content-type", ""):
        raise _GarbledError


class _Capped(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > MAX_BODY:
                raise _GarbledError
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def _reply(message: AIMessage) -> Reply:
    text = message.content if isinstance(message.content, str) else ""
    finish = str(message.response_metadata.get("finish_reason") or "")
    refused = bool(message.additional_kwargs.get("refusal")) or finish == "content_filter"
    return Reply(_whole(text), finish, refused, _usage(message.response_metadata.get("token_usage")))


def _whole(text: str) -> str:
    """Lone surrogates, which JSON can smuggle in and UTF-8 can't hold, become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _usage(raw: object) -> Usage | None:
    """The server's own count; None where it is missing or can't be true (negative, or nothing at all)."""
    if not isinstance(raw, dict):
        return None
    given, made = raw.get("prompt_tokens"), raw.get("completion_tokens")
    if not isinstance(given, int) or not isinstance(made, int) or min(given, made) < 0 or given + made == 0:
        return None
    details = raw.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    cached = min(max(cached, 0), given) if isinstance(cached, int) else 0
    return Usage(input_tokens=given, output_tokens=made, cached_input_tokens=cached)


def _never_sent(error: BaseException | None) -> bool:
    """openai wraps what httpx2 raised, and langchain wraps that."""
    while error is not None:
        if isinstance(error, _NEVER_SENT):
            return True
        error = error.__cause__
    return False


def _status(error: openai.APIStatusError, key: str, now: datetime) -> Failure:
    code = next((c for c in (error.code, error.type) if _harmless(c, key)), "") or ""
    param = error.param if _harmless(error.param, key) else ""
    if code == "insufficient_quota":
        return Failure("refused", 402, code)
    wait = retry_after_seconds(error.response.headers.get("retry-after"), now)
    if error.status_code in _LOST:
        return Failure("lost", error.status_code, code, retry_after=wait)
    busy = error.status_code in _BUSY or error.status_code >= 500
    return Failure("busy" if busy else "refused", error.status_code, code, param or "", wait)


def _harmless(word: object, key: str) -> bool:
    return isinstance(word, str) and bool(_CODE.fullmatch(word)) and word not in key and key not in word
