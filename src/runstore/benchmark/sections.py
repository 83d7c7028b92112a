"""Parts of a document that a program writes, between marks; what stands elsewhere is left alone."""


def replaced(text: str, name: str, section: str) -> str:
    """With this section in the place of the one of that name, or at the end."""
    begin, end = _marks(name)
    before, found, rest = text.partition(begin)
    after = rest.partition(end)[2] if found else "\n"
    head = before if found else before.rstrip("\n") + "\n\n"
    return f"{head}{begin}\n{section.strip(chr(10))}\n{end}{after}"


def kept(text: str) -> str:
    """All sections of a document, to go into its next edition."""
    at = text.find("<!-- begin ")
    return "" if at < 0 else text[at:]


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- begin {name} -->", f"<!-- end {name} -->"
