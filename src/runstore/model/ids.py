"""Run, trace, project and feedback ids: canonical UUID text inside, 16 bytes in a database.

Text, because the wire speaks text and most ids only pass through.
"""

import re
import uuid

ID_CHARS = 36
CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def canonical_id(text: str) -> str:
    """The lower-case 36-character form of any UUID notation. Raises ValueError for others."""
    if CANONICAL.fullmatch(text):
        return text
    return str(uuid.UUID(text))


def id_to_bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("-", ""))


def id_from_bytes(raw: bytes) -> str:
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
