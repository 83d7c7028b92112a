"""A folder as a target of the client: the server's app in this process, without a socket."""
