"""The Runstore client: calls without I/O, and the sync and async twins that make them."""
