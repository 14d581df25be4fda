"""The planner that asks a language model at an OpenAI-compatible chat endpoint. It proposes; this file disposes."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from ..catalog import Ability
from ..errors import EndpointFailed, InvalidInput
from ..plan import Plan
from .checks import checked_prompt
from .endpoint_schema import AnswerRejected, messages, parsed_answer, schema
from .filtering import with_filters, without_filters
from .foreign import without_foreign

MAXIMUM_ANSWER = 1_000_000
"""Longest answer that is read, in bytes."""


class EndpointPlanner:
    """Plans with a language model that the user runs or has chosen (Ollama, vLLM, llama.cpp server, a hosted service).

    Privacy: nothing is sent before `plan` is called. Then the text of the prompt and the words of the catalogue
    (ids, targets, modalities, classes, structures, synonyms) go to the configured address and nowhere else: no
    pixels, no file names, no DICOM tags, no patient data other than what the user typed. Redirects to another host
    are refused, and for an address on this machine the proxies of the environment are not used. The answer is data:
    it is checked against a closed schema and the catalogue, and nothing in it is executed, opened or followed.

    Args:
        url: base address, for example `http://localhost:11434/v1`; `/chat/completions` is appended if missing.
        model: the model's name at that address.
        api_key: sent as a bearer token if given; never shown in messages or plans.
        timeout: in seconds, for each of at most three requests.
        observe: told of every request before it is sent (`endpoint call`) and of how it ended (`endpoint answer`), with
            what is needed for a log: host, model, number of bytes and their SHA-256. If it raises, nothing is sent.
    """

    def __init__(
        self,
        url: str,
        model: str,
        api_key: str | None = None,
        timeout: float = 60.0,
        observe: Callable[[str, dict[str, object]], None] | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput(
                f"The endpoint address '{url}' is not usable; expected something like http://localhost:11434/v1."
            )
        base = url.rstrip("/")
        self.url = base if base.endswith("/chat/completions") else f"{base}/chat/completions"
        self.model = model
        self.timeout = timeout
        self.name = f"endpoint:{model}"
        self._key = api_key
        self._observe = observe or _unobserved
        self._host = parts.hostname
        handlers: list[urllib.request.BaseHandler] = [_SameHostOnly()]
        if is_loopback(parts.hostname):
            handlers.append(urllib.request.ProxyHandler({}))
        self._opener = urllib.request.build_opener(*handlers)

    def __repr__(self) -> str:
        return f"EndpointPlanner(url={self.url!r}, model={self.model!r})"

    def plan(self, prompt: str, abilities: Sequence[Ability]) -> Plan:
        """The plan the model proposes, once it is valid.

        Raises:
            InvalidInput: an empty or overlong prompt.
            EndpointFailed: no connection, too slow, an HTTP error, or two answers that are not a valid plan.
        """
        checked_prompt(prompt)
        talk = messages(prompt, abilities)
        form: dict[str, Any] | None = schema(abilities)
        try:
            text = self._ask(talk, form)
        except _FormatRejected:
            form = None
            text = self._ask(talk, form)
        try:
            return _filtered(parsed_answer(text, prompt, abilities, self.name))
        except AnswerRejected as error:
            complaint = str(error)
        talk = [
            *talk,
            {"role": "assistant", "content": text[:8000]},
            {
                "role": "user",
                "content": f"That is not a valid plan: {complaint} Answer again with the corrected JSON object only.",
            },
        ]
        try:
            return _filtered(parsed_answer(self._ask(talk, form), prompt, abilities, self.name))
        except AnswerRejected as error:
            raise EndpointFailed(
                f"The model '{self.model}' answered twice with something that is not a valid plan "
                f"({_short(error)}); try another model "
                "or plan without the endpoint."
            ) from error
        except _FormatRejected as error:
            raise EndpointFailed(str(error)) from error

    def answer(self, talk: list[dict[str, Any]]) -> str:
        """The model's answer to a conversation, as it is; for texts that something else checks.

        A conversation may hold pictures, which `instructions.vision` sends after an agreement of its own.

        Raises:
            EndpointFailed: no connection, too slow, an HTTP error or no text.
        """
        return self._ask(talk, None)

    # -- the wire -----------------------------------------------------------------------------------------------------

    def _ask(self, talk: list[dict[str, Any]], form: dict[str, Any] | None) -> str:
        try:
            text = self._exchange(talk, form)
        except (EndpointFailed, _FormatRejected) as error:
            self._observe("endpoint answer", {"host": self._host, "error": str(error)})
            raise
        self._observe("endpoint answer", {"host": self._host, "bytes": len(text.encode())})
        return text

    def _exchange(self, talk: list[dict[str, Any]], form: dict[str, Any] | None) -> str:
        body: dict[str, Any] = {"model": self.model, "messages": talk, "temperature": 0, "stream": False}
        if form is not None:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "plan", "strict": True, "schema": form},
            }
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        data = json.dumps(body).encode()
        told: dict[str, object] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        self._observe("endpoint call", {"host": self._host, "model": self.model, **told})
        request = urllib.request.Request(self.url, data, headers, method="POST")
        deadline = time.monotonic() + self.timeout
        raw = b""
        try:
            with self._opener.open(request, timeout=self.timeout) as response:
                while len(raw) <= MAXIMUM_ANSWER and (piece := response.read1(65536)):
                    raw += piece
                    if time.monotonic() > deadline:
                        raise TimeoutError
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 400 and form is not None:
                    raise _FormatRejected(f"The endpoint {self._host} rejected the request (HTTP 400).") from error
                raise EndpointFailed(
                    f"The endpoint {self._host} answered with HTTP {error.code} ({error.reason}); "
                    "check its address, model name and key."
                ) from error
        except TimeoutError as error:
            raise self._too_slow() from error
        except (urllib.error.URLError, OSError, ValueError) as error:
            if isinstance(getattr(error, "reason", None), TimeoutError):
                raise self._too_slow() from error
            raise EndpointFailed(
                f"The endpoint {self._host} could not be reached "
                f"({_short(getattr(error, 'reason', error))}); check that it runs and its address."
            ) from error
        except Exception as error:  # http.client raises its own family for broken replies
            raise EndpointFailed(
                f"The endpoint {self._host} broke off its answer ({type(error).__name__}); try again."
            ) from error
        if len(raw) > MAXIMUM_ANSWER:
            raise EndpointFailed(
                f"The endpoint {self._host} answered with more than {MAXIMUM_ANSWER} bytes; expected a short plan."
            )
        return self._content(raw)

    def _content(self, raw: bytes) -> str:
        try:
            content = json.loads(raw.decode("utf-8"))["choices"][0]["message"]["content"]
        except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
            raise EndpointFailed(
                f"The endpoint {self._host} did not answer in the chat-completions format; "
                "check that its address ends in /v1 or the like."
            ) from error
        if not isinstance(content, str):
            raise EndpointFailed(f"The endpoint {self._host} answered without text; try another model.")
        return content

    def _too_slow(self) -> EndpointFailed:
        return EndpointFailed(
            f"The endpoint {self._host} did not answer within {self.timeout:g} s; "
            "use a longer timeout or a smaller model."
        )


class _FormatRejected(Exception):
    """HTTP 400 to a request with `response_format`: the server may not know it."""


class _SameHostOnly(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to the same scheme, host and port, so that prompt and key stay where they were sent."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if (old.scheme, old.hostname, old.port) != (new.scheme, new.hostname, new.port):
            raise urllib.error.URLError(f"it redirects to another host, {new.hostname}")
        if code in (307, 308) and req.get_method() == "POST":
            return urllib.request.Request(newurl, data=req.data, headers=dict(req.header_items()), method="POST")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _filtered(plan: Plan) -> Plan:
    """With the filters that the prompt asks for, which a model is not asked about."""
    return with_filters(plan, without_filters(without_foreign(plan.prompt).text))


def _unobserved(event: str, details: dict[str, object]) -> None:
    """Where nobody keeps a log."""


def is_loopback(host: str) -> bool:
    """Whether a host name stands for this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _short(error: object) -> str:
    return str(error).splitlines()[0][:160].rstrip(".") if str(error) else type(error).__name__
