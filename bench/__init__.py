"""Load a large run store over HTTP as the SDK does, and measure it. `python -m bench --help`."""
