"""What the client asks, as generators of requests: no I/O, shared by both twins."""
