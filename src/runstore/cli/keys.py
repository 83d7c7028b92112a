"""`runstore key new`: a key for a client, and the hash of it for the server."""

import secrets

from runstore.settings import key_hash

KEY_BYTES = 32


def new_key() -> int:
    key = f"rs_{secrets.token_urlsafe(KEY_BYTES)}"
    print(f"key   {key}")
    print(f"hash  {key_hash(key)}")
    print()
    print("Client:  LANGSMITH_API_KEY=<key>")
    print("Server:  RUNSTORE_API_KEY_HASHES=<hash>[,<hash>...]")
    return 0
