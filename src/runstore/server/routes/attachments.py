"""Route of signed links: token -> the attachment's bytes, told to be nothing a browser runs."""

import re
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from runstore.errors import NotFound
from runstore.server.state import store_of

_MIME_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(; *[\w.+-]+=[\w.+-]+)*", re.ASCII)
_INLINE = ("image/png", "image/jpeg", "image/gif", "image/webp", "audio/", "video/")


async def read_attachment(request: Request) -> Response:
    """GET /attachments/{token} -> 200, the bytes (206 for a range); 404"""
    store = store_of(request)
    signed = store.signer.check(request.path_params["token"], store.clock() // 1_000_000)
    path = store.blobs.path(signed.sha256)
    if path is None:
        raise NotFound("this attachment is no longer here")
    known = _MIME_TYPE.fullmatch(signed.mime_type) is not None
    mime_type = signed.mime_type if known else "application/octet-stream"
    how = "inline" if mime_type.startswith(_INLINE) else "attachment"
    return FileResponse(
        path,
        media_type=mime_type,
        headers={
            "Content-Disposition": f"{how}; filename*=UTF-8''{_file_name(signed.name)}",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cache-Control": "private, max-age=3600",
            "ETag": f'"{signed.sha256}"',
        },
    )


def _file_name(name: str) -> str:
    """As RFC 5987 writes it: no quote, line break or path gets through."""
    return quote(name.replace("/", "_"), safe="", errors="replace")
