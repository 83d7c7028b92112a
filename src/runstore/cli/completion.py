"""`runstore completion`: a shell -> the script that completes our commands and options in it."""

from typing import Literal


def show_completion(shell: Literal["bash", "zsh", "fish"], /) -> int:
    """Print the script that lets a shell complete commands and options.

    Example: `runstore completion bash >> ~/.bashrc`; for zsh into a file `_runstore` on `fpath`;
    for fish into `~/.config/fish/completions/runstore.fish`.

    Parameters
    ----------
    shell
        bash, zsh or fish.
    """
    from runstore.cli.main import app

    print(app.generate_completion(prog_name="runstore", shell=shell))
    return 0
