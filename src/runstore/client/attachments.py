"""Attachments of a run: their names and types at once, their bytes when they are asked for."""

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from runstore.errors import InvalidRequest

Fetch = Callable[[str], bytes]
"""presigned_url, absolute or relative to the target's root -> the attachment's bytes."""

PREFIX = "attachment."  # of the names in s3_urls; other names are not attachments


class Attachment(Mapping[str, Any]):
    """{"presigned_url", "mime_type", "reader"}, as the SDK has it, but nothing is downloaded yet.

    `reader` is an io.BytesIO; it and `read()` need a run of the sync client.
    """

    def __init__(
        self, name: str, presigned_url: str, mime_type: str | None, fetch: Fetch | None = None
    ) -> None:
        self.name = name
        self.presigned_url = presigned_url
        self.mime_type = mime_type
        self._fetch = fetch
        self._content: bytes | None = None

    def read(self) -> bytes:
        """The whole content; downloaded once. Raises NotFound when the link is no longer good."""
        if self._content is None:
            if self._fetch is None:
                raise InvalidRequest(
                    f"attachment {self.name!r} is of a run that has no blocking connection; "
                    "use `await client.read_attachment(attachment)`"
                )
            self._content = self._fetch(self.presigned_url)
        return self._content

    def __getitem__(self, key: str) -> Any:
        if key == "reader":
            return io.BytesIO(self.read())
        if key in ("presigned_url", "mime_type"):
            return getattr(self, key)
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(("presigned_url", "mime_type", "reader"))

    def __len__(self) -> int:
        return 3

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Attachment):
            return NotImplemented
        return (self.name, self.mime_type) == (other.name, other.mime_type)

    __hash__ = None  # type: ignore[assignment]  # it holds what was downloaded

    def __repr__(self) -> str:
        return f"Attachment({self.name!r}, mime_type={self.mime_type!r})"

    def __reduce__(self) -> tuple[object, ...]:  # a connection does not travel
        return type(self), (self.name, self.presigned_url, self.mime_type)


def attachments_of(urls: Mapping[str, Any] | None, fetch: Fetch | None) -> dict[str, Attachment]:
    """`s3_urls` -> {name: Attachment}. What is not an attachment, or has no link, is left out."""
    found = {}
    for key, about in (urls or {}).items():
        if key.startswith(PREFIX) and isinstance(about, dict) and about.get("presigned_url"):
            name = key.removeprefix(PREFIX)
            found[name] = Attachment(name, about["presigned_url"], about.get("mime_type"), fetch)
    return found
