"""Messages -> what a model says next, over an OpenAI-compatible API. Knows its JSON; knows no
filter."""

import logging
from importlib.metadata import version

import httpx2
import msgspec

from runstore.errors import ModelUnavailable
from runstore.limits import (
    CONNECT_SECONDS,
    QUERY_MODEL_ANSWER_BYTES_MAX,
    QUERY_MODEL_REQUESTS_MAX,
    QUERY_MODEL_SECONDS_MAX,
)
from runstore.store.translation import INSTEAD, Messages

log = logging.getLogger(__name__)

_LOGGED_CHARS = 500  # of an answer that is no success


class _Said(msgspec.Struct):
    content: str


class _Choice(msgspec.Struct):
    message: _Said


class _Completion(msgspec.Struct):
    choices: list[_Choice]


class QueryModel:
    """Holds connections of the event loop it is first asked on."""

    def __init__(self, url: str, name: str, key: str | None) -> None:
        self._url = url.rstrip("/") + "/chat/completions"
        self._name = name
        headers = {"User-Agent": f"runstore/{version('runstore')}", "Accept": "application/json"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        self._http = httpx2.AsyncClient(
            headers=headers,
            timeout=httpx2.Timeout(QUERY_MODEL_SECONDS_MAX, connect=CONNECT_SECONDS),
            limits=httpx2.Limits(max_connections=QUERY_MODEL_REQUESTS_MAX),
            follow_redirects=False,  # the key is for this URL
        )

    async def ask(self, messages: Messages) -> str:
        """Raises ModelUnavailable. The caller bounds the time of the whole."""
        body = {
            "model": self._name,
            "messages": [{"role": role, "content": text} for role, text in messages],
            "temperature": 0,
        }
        try:
            async with self._http.stream("POST", self._url, json=body) as response:
                answer = bytearray()
                async for piece in response.aiter_bytes():
                    answer += piece
                    if len(answer) > QUERY_MODEL_ANSWER_BYTES_MAX:
                        raise _unavailable("answers with more than a filter can need")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise _unavailable(f"cannot be reached ({type(error).__name__})") from error
        if response.status_code != 200:
            told = answer.decode("utf-8", "replace")[:_LOGGED_CHARS]
            log.warning(
                "the query model refused", extra={"status": response.status_code, "reason": told}
            )
            raise _unavailable(f"answers with status {response.status_code}")
        try:
            [choice, *_] = msgspec.json.decode(bytes(answer), type=_Completion).choices
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
            raise _unavailable("does not answer as OpenAI's API does") from error
        return choice.message.content

    async def close(self) -> None:
        await self._http.aclose()


def _unavailable(what: str) -> ModelUnavailable:
    return ModelUnavailable(f"the model that translates query {what}; {INSTEAD}")
