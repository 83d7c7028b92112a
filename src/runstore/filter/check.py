"""Syntax -> the tree that is run, or FilterError. Knows fields, functions, and what goes together;
knows no engine.

The direct children of one `and` that test parts of one family's entries become one `Entries`, at
the place of the first; so they speak about one entry. Nested `and`s stand for themselves.
"""

from difflib import get_close_matches

from runstore.filter.entrytests import (
    entry_comparison,
    merged_entries,
    path_comparison,
    payload_comparison,
    score_comparison,
    tags_comparison,
)
from runstore.filter.errors import At, FilterError, Source
from runstore.filter.fields import (
    ALLOWED_FIELDS,
    ENTRY_KINDS,
    FIELDS,
    REFUSED,
    SEARCHED,
    Field,
    Kind,
    find,
)
from runstore.filter.functions import ALLOWED_FUNCTIONS, FORMS, FUNCTION_NAMES, UNKNOWN_FUNCTIONS
from runstore.filter.parse import parse
from runstore.filter.rewrite import rewrite
from runstore.filter.syntax import Arg, Call, List, Literal, Name
from runstore.filter.tree import And, Entries, Node, Not, Or, Present, Search
from runstore.filter.values import compare, one_of
from runstore.limits import SEARCH_WORDS_MAX
from runstore.model.words import tokens

JOINTS = ("and", "or", "not")


def compile_filter(text: str | None, where: str = "filter") -> Node | None:
    """Parse, check and rewrite. None for no text, or one of spaces only. Raises FilterError."""
    if text is None or not text.strip():
        return None
    return rewrite(check(parse(text, where), text, where))


def check(node: Call, text: str, where: str = "filter") -> Node:
    """The tree of a parsed filter, not yet rewritten. Raises FilterError."""
    return _node(node, Source(text, where))


def _node(call: Call, source: Source) -> Node:
    function = FUNCTION_NAMES.get(call.function)
    if function is None:
        raise _unknown_function(call, source)
    if function in JOINTS:
        return _joint(function, call, source)
    if function == "search":
        return _search(call, source)
    return _comparison(function, call, source)


def _unknown_function(call: Call, source: Source) -> FilterError:
    lower = call.function.lower()
    hint = f"write {UNKNOWN_FUNCTIONS[lower]}" if lower in UNKNOWN_FUNCTIONS else ""
    if not hint:
        near = get_close_matches(lower, FUNCTION_NAMES, n=1)
        hint = f"did you mean {near[0]}?" if near else ""
    return source.error(
        f"unknown function {call.function}", call.function_at, hint, ALLOWED_FUNCTIONS
    )


# Logic.


def _joint(function: str, call: Call, source: Source) -> Node:
    if not call.args:
        raise source.error(f"{function} needs a condition", call.at, FORMS[function])
    conditions = [_condition(function, arg, source) for arg in call.args]
    if function == "not":
        if len(conditions) > 1:
            raise source.error(
                "not takes exactly one condition",
                call.args[1].at,
                "not(and(a, b)), or and(not(a), not(b))",
            )
        return Not(_node(conditions[0], source))
    terms: list[Node] = []
    groups: dict[str, int] = {}  # family -> its place in `terms`
    for condition in conditions:
        term = _node(condition, source)
        if function == "and" and isinstance(term, Entries) and _tests_an_entry(condition):
            if term.family in groups:
                place = groups[term.family]
                first = terms[place]
                assert isinstance(first, Entries)
                terms[place] = merged_entries(first, term, condition, source)
                continue
            groups[term.family] = len(terms)
        terms.append(term)
    return And(tuple(terms)) if function == "and" else Or(tuple(terms))


def _condition(function: str, arg: Arg, source: Source) -> Call:
    if isinstance(arg, Call):
        return arg
    hint = FORMS[function]
    if isinstance(arg, Name):
        row = find(arg.parts)
        if row is not None and row[0].kind is Kind.BOOL:
            hint = f"eq({row[0].name}, true)"
    raise source.error(f'{function} takes conditions, such as eq(name, "x")', arg.at, hint)


def _tests_an_entry(call: Call) -> bool:
    """Whether it is a test on a part of an entry, and so to be grouped under an `and`."""
    found = find(_parts(call.args[0]))
    return found is not None and found[0].kind in ENTRY_KINDS


# Full text.


def _search(call: Call, source: Source) -> Node:
    if len(call.args) not in (1, 2):
        raise source.error("search takes a text, or a field and a text", call.at, FORMS["search"])
    scope = "all"
    if len(call.args) == 2:
        row, _ = _field(call.args[0], source)
        if not row.searched:
            raise source.error(
                f"search does not apply to {row.name}",
                call.args[0].at,
                f'search("words") looks everywhere; like({row.name}, "%x%") at one field',
                SEARCHED,
            )
        scope = row.in_tree
    said = _scalar(call.args[-1], source)
    if not isinstance(said.value, str):
        raise source.error("search needs a text", said.at, 'in quotes: search("words")')
    words = tuple(dict.fromkeys(tokens(said.value)))
    if not words:
        raise source.error("there is no letter or digit to search for", said.at)
    if len(words) > SEARCH_WORDS_MAX:
        raise source.error(
            f"{len(words)} words to search for, at most {SEARCH_WORDS_MAX} are allowed", said.at
        )
    return Search(scope, words)


# Comparisons.


def _comparison(function: str, call: Call, source: Source) -> Node:
    row, key = _checked_field(function, call, source)
    operand = call.args[1] if len(call.args) > 1 else None
    literals = _operand(function, row, operand, source)
    if row.kind is Kind.PAYLOAD:
        return payload_comparison(function, row, literals, source)
    if row.kind is Kind.TAGS:
        return tags_comparison(function, row, literals, source)
    if row.kind is Kind.PATH:
        return path_comparison(function, row, key, literals, source)
    if row.kind is Kind.KEY_SCORE:
        return score_comparison(function, row, key, literals, source)
    if row.kind in ENTRY_KINDS:
        return entry_comparison(function, row, literals, source)
    return _attribute_comparison(function, row, key, literals, source)


def _attribute_comparison(
    function: str, row: Field, key: str, literals: list[Literal], source: Source
) -> Node:
    """One single-valued attribute. In a list, null means absent."""
    attribute = f"{row.in_tree}.{key}" if row.is_dotted else row.in_tree
    present = Present(attribute)
    if function == "exists":
        return present
    if function not in ("in", "nin"):
        return compare(function, row, attribute, literals[0], source)
    values = [literal for literal in literals if literal.value is not None]
    among = one_of(row, attribute, values, source)
    if function == "nin":  # absent is not a value: nin(x, []) still asks for one
        return And((present, Not(among)))
    return among if len(values) == len(literals) else Or((Not(present), among))


def _checked_field(function: str, call: Call, source: Source) -> tuple[Field, str]:
    """The field of a comparison, once the number of arguments and the function are right."""
    if not call.args:
        raise source.error(f"{function} needs a field", call.at, FORMS[function])
    row, key = _field(call.args[0], source, call)
    with_null = (
        row.kind is Kind.PAYLOAD
        and function in ("eq", "neq")
        and len(call.args) == 2
        and isinstance(call.args[1], Literal)
        and call.args[1].value is None
    )
    if function not in row.functions and not with_null:
        raise _does_not_apply(function, row, call, source)
    count = len(call.args)
    counts = (2,) if function != "exists" else (1, 2) if row.kind is Kind.PAYLOAD else (1,)
    if count not in counts:
        hint = FORMS[function]
        if count == 3 and row.kind is Kind.PAYLOAD:
            key_said, value = (source.text[arg.at.start : arg.at.end] for arg in call.args[1:])
            hint = f"eq({row.name}.{key_said}, {value})"
        takes = "one argument" if counts == (1,) else "two arguments"
        raise source.error(f"{function} takes {takes} here, not {count}", call.at, hint)
    return row, key


def _does_not_apply(function: str, row: Field, call: Call, source: Source) -> FilterError:
    hint = ""
    if row.kind is Kind.PAYLOAD and _is_object(call.args[-1]):
        hint = f"has({row.name}, {source.text[call.args[-1].at.start : call.args[-1].at.end]})"
    elif row.kind is Kind.PAYLOAD:
        hint = f"one key of it: {function}({row.name}.key, ...)"
    elif function == "has":
        hint = f"eq({row.name}, ...)"
    return source.error(
        f"{function} does not apply to {row.name}", call.function_at, hint, row.functions
    )


def _is_object(arg: Arg) -> bool:
    return isinstance(arg, Literal) and str(arg.value).lstrip().startswith("{")


def _parts(arg: Arg) -> tuple[str, ...]:
    """The name an argument is: bare, or in quotes as LangChain writes them; () if it is none."""
    if isinstance(arg, Name):
        return arg.parts
    if isinstance(arg, Literal) and isinstance(arg.value, str):
        return tuple(arg.value.split("."))
    return ()


def _field(arg: Arg, source: Source, call: Call | None = None) -> tuple[Field, str]:
    parts = _parts(arg)
    found = find(parts) if parts else None
    if found is not None:
        return found
    other = call.args[1] if call is not None and len(call.args) == 2 else None
    if isinstance(other, Name) and not isinstance(arg, Name) and find(other.parts):
        said = source.text[arg.at.start : arg.at.end]
        raise source.error(
            "the field comes first",
            arg.at,
            f"{call.function if call else ''}({'.'.join(other.parts)}, {said})",
        )
    if not parts:
        raise source.error("a field is expected here", arg.at, 'eq(name, "x")', ALLOWED_FIELDS)
    raise _unknown_field(parts, arg.at, source)


def _unknown_field(parts: tuple[str, ...], at: At, source: Source) -> FilterError:
    name, first = ".".join(parts), parts[0]
    if len(parts) == 1:
        hint = REFUSED.get(first, "")
    elif first in FIELDS:
        hint = f"{first} has no parts; metadata.key, inputs.key and outputs.key have"
    else:
        hint = REFUSED.get(first, f"metadata.{name}, if it is metadata")
    near = get_close_matches(first, [*FIELDS, *(("feedback",) if len(parts) > 1 else ())], n=1)
    if near and near[0] != first and not (len(parts) == 1 and first in REFUSED):
        hint = f"did you mean {'.'.join((near[0], *parts[1:]))}?"
    shown = name if len(name) <= 60 else name[:57] + "..."
    return source.error(f"unknown field {shown}", at, hint, ALLOWED_FIELDS)


def _operand(function: str, row: Field, operand: Arg | None, source: Source) -> list[Literal]:
    """What the field is compared with: the items of a list, one literal, or nothing."""
    if operand is None:
        return []
    if function in ("in", "nin"):
        if not isinstance(operand, List):
            said = source.text[operand.at.start : operand.at.end][:40]
            raise source.error(
                f"{function} needs a list", operand.at, f"{function}({row.name}, [{said}, ...])"
            )
        return list(operand.items)
    return [_scalar(operand, source, function, row)]


def _scalar(arg: Arg, source: Source, function: str = "", row: Field | None = None) -> Literal:
    if isinstance(arg, Literal):
        return arg
    if isinstance(arg, List):
        hint = "" if row is None else f"{'nin' if function == 'neq' else 'in'}({row.name}, [...])"
        raise source.error("a list goes with in or nin", arg.at, hint)
    if isinstance(arg, Name):
        name = ".".join(arg.parts)
        hint = f'text goes in quotes: "{name}"'
        if name in ("None", "NULL", "Null", "nil", "undefined"):
            hint = "write null"
        elif find(arg.parts):
            hint += "; two fields cannot be compared"
        raise source.error(f"{name} is no value", arg.at, hint)
    hint = UNKNOWN_FUNCTIONS.get(arg.function.lower(), "")
    raise source.error("a value is expected here, not a call", arg.at, hint and f"write {hint}")
