"""What this machine offers: keys in the environment and a model server on loopback. Looks only, and never shows a
key."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from agentos.errors import AgentOSError
from agentos.workspace.model import ModelEndpoint

PORTS = (11434, 1234, 8080, 8000)
"""Where Ollama, LM Studio, llama.cpp and vLLM listen unless told otherwise."""
_MAX_ANSWER = 1_000_000


@dataclass(frozen=True)
class Provider:
    """A service with an OpenAI-compatible interface: the variable its key is kept in, and a small and a large model."""

    name: str
    variable: str
    base_url: str | None
    small: str
    large: str


PROVIDERS = (
    Provider("OpenAI", "OPENAI_API_KEY", None, "gpt-5-mini", "gpt-5"),
    Provider(
        "Anthropic", "ANTHROPIC_API_KEY", "https://api.anthropic.com/v1/", "claude-haiku-4-5", "claude-sonnet-4-5"
    ),
    Provider("Mistral", "MISTRAL_API_KEY", "https://api.mistral.ai/v1", "mistral-small-latest", "mistral-large-latest"),
    Provider(
        "Google",
        "GEMINI_API_KEY",
        "https://generativelanguage.googleapis.com/v1beta/openai/",
        "gemini-2.5-flash",
        "gemini-2.5-pro",
    ),
    Provider(
        "Groq", "GROQ_API_KEY", "https://api.groq.com/openai/v1", "llama-3.1-8b-instant", "llama-3.3-70b-versatile"
    ),
    Provider("DeepSeek", "DEEPSEEK_API_KEY", "https://api.deepseek.com", "deepseek-chat", "deepseek-chat"),
    Provider("OpenRouter", "OPENROUTER_API_KEY", "https://openrouter.ai/api/v1", "openai/gpt-5-mini", "openai/gpt-5"),
)


@dataclass(frozen=True)
class Server:
    base_url: str
    models: tuple[str, ...]


@dataclass(frozen=True)
class Probe:
    providers: tuple[Provider, ...] = ()
    servers: tuple[Server, ...] = ()


@dataclass(frozen=True)
class Trial:
    """The outcome of one real call."""

    endpoint: ModelEndpoint
    ok: bool
    what: str


def probe(environ: Mapping[str, str], ports: Sequence[int] = PORTS, timeout: float = 0.5) -> Probe:
    """Keys by the names of their variables, and servers that list at least one model; all ports at once, `timeout` in
    seconds each."""
    from concurrent.futures import ThreadPoolExecutor

    found = tuple(provider for provider in PROVIDERS if environ.get(provider.variable, "").strip())
    with ThreadPoolExecutor(max_workers=max(1, len(ports))) as pool:
        servers = pool.map(lambda port: _server(f"http://127.0.0.1:{port}/v1", timeout), ports)
        return Probe(found, tuple(server for server in servers if server is not None))


def _server(base_url: str, timeout: float) -> Server | None:
    models = list_models(base_url, timeout=timeout)
    return Server(base_url, models) if models else None


def list_models(base_url: str, *, timeout: float, key: str | None = None) -> tuple[str, ...] | None:
    """The ids a server lists; empty when it answers something else; None when nothing answers. The environment's
    proxies
    are not used: they would carry a question about this machine away from it."""
    import httpx

    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with (
            httpx.Client(timeout=timeout, trust_env=False) as client,
            client.stream("GET", f"{base_url.rstrip('/')}/models", headers=headers) as answer,
        ):
            if answer.status_code != 200:
                return ()
            body = b""
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > _MAX_ANSWER:
                    return ()
    except (httpx.HTTPError, httpx.InvalidURL):
        return None
    return _ids(body)


def _ids(body: bytes) -> tuple[str, ...]:
    try:
        listed = json.loads(body)
    except ValueError:
        return ()
    entries = listed.get("data") if isinstance(listed, dict) else None
    names = [one.get("id") for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
    return tuple(name for name in names if isinstance(name, str) and name and len(name) < 200 and name.isprintable())


def endpoints(found: Probe) -> dict[str, tuple[ModelEndpoint, ...]]:
    """The tiers these findings make: a provider's models for small and large, a server on this machine for local, and
    for all three where there is no key. Embedding models don't write."""
    small, large, local = list[ModelEndpoint](), list[ModelEndpoint](), list[ModelEndpoint]()
    for provider in found.providers[:1]:
        for tier, model in ((small, provider.small), (large, provider.large)):
            tier.append(ModelEndpoint(model=model, base_url=provider.base_url, api_key_env=provider.variable))
    for server in found.servers[:1]:
        writers = [name for name in server.models if "embed" not in name.lower()]
        if writers:
            local.append(ModelEndpoint(model=writers[0], base_url=server.base_url, local=True))
    return {"small": tuple(small or local), "large": tuple(large or local), "local": tuple(local)}


def model_lines(found: Probe) -> str:
    """The findings as lines of `agentos.toml`; "" when there are none."""
    blocks = [_block(tier, endpoint) for tier, listed in endpoints(found).items() for endpoint in listed]
    return "\n".join(blocks)


def without(found: Probe, base_urls: Collection[str | None]) -> Probe:
    """The findings less those at these addresses."""
    return Probe(
        tuple(one for one in found.providers if one.base_url not in base_urls),
        tuple(one for one in found.servers if one.base_url not in base_urls),
    )


def commented(found: Probe, why: str) -> str:
    """The findings as examples that nothing uses, under what failed."""
    said = " ".join(why.split())
    head = f"A real call failed: {said}\nTake the # away once it works, and try: agentos doctor --call\n"
    return "".join(f"# {line}\n" if line else "#\n" for line in (head + model_lines(found)).splitlines()) + "\n"


def _block(tier: str, endpoint: ModelEndpoint) -> str:
    lines = [f"[[models.{tier}]]", f"model = {json.dumps(endpoint.model, ensure_ascii=False)}"]
    if endpoint.base_url:
        lines.append(f"base_url = {json.dumps(endpoint.base_url)}")
    if endpoint.api_key_env:
        lines.append(f"api_key_env = {json.dumps(endpoint.api_key_env)}")
    return "\n".join([*lines, "local = true"] if endpoint.local else lines) + "\n"


def try_call(endpoint: ModelEndpoint, call: Callable[[ModelEndpoint], str]) -> Trial:
    """One real call through `call` (from agentos.models), which returns the model's answer or raises AgentOSError."""
    try:
        answer = call(endpoint)
    except AgentOSError as error:
        return Trial(endpoint, False, str(error))
    return Trial(
        endpoint, bool(answer.strip()), f"{endpoint.model} answered." if answer.strip() else "An empty answer came."
    )
