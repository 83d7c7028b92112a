"""The functions a filter may call, and what to write for those it may not."""

from typing import NamedTuple


class Function(NamedTuple):
    name: str
    form: str
    meaning: str
    aliases: tuple[str, ...] = ()


# fmt: off
FUNCTIONS = (
    Function("eq", "eq(field, value)", "equal; with null: absent"),
    Function("neq", "neq(field, value)", "there and not equal; with null: there", aliases=("ne",)),
    Function("gt", "gt(field, value)", "greater"),
    Function("gte", "gte(field, value)", "greater or equal"),
    Function("lt", "lt(field, value)", "less"),
    Function("lte", "lte(field, value)", "less or equal"),
    Function("in", "in(field, [a, b, ...])", "equal to one of these; null in the list: or absent"),
    Function("nin", "nin(field, [a, b, ...])", "there and equal to none of these"),
    Function("has", 'has(tags, "x")',
          "has the tag; has(metadata, \"k\"): the key; has(metadata, '{\"k\": 1}'): every leaf"),
    Function("exists", "exists(field)", 'there; exists(metadata, "k"): has the key'),
    Function("like", 'like(field, "%x_")',
          "matches, whatever the case: % any text, _ one character; without either: contains"),
    Function("notlike", 'notlike(field, "%x_")', "there and does not match the pattern"),
    Function("regex", 'regex(field, "^a.*b$")', "the RE2 pattern is found in it"),
    Function("search", 'search("words")',
          'full text, all words, any order; search(inputs, "words"): there only'),
    Function("and", "and(a, b, ...)", "all hold; tests of one family speak about one entry"),
    Function("or", "or(a, b, ...)", "at least one holds"),
    Function("not", "not(a)", "does not hold"),
)

UNKNOWN_FUNCTIONS = {  # what people write -> what to write here
    "contain":     'like(name, "%x%")',
    "contains":    'like(name, "%x%"), or has(tags, "x")',
    "includes":    'has(tags, "x")',
    "startswith":  'like(name, "x%")',
    "starts_with": 'like(name, "x%")',
    "endswith":    'like(name, "%x")',
    "ends_with":   'like(name, "%x")',
    "matches":     'regex(name, "...")',
    "match":       'regex(name, "...")',
    "ilike":       "like, which ignores case already",
    "not_like":    "notlike",
    "not_in":      "nin",
    "notin":       "nin",
    "equals":      "eq",
    "equal":       "eq",
    "not_equals":  "neq",
    "ge":          "gte",
    "le":          "lte",
    "between":     "and(gte(field, low), lte(field, high))",
    "is_null":     "eq(field, null)",
    "isnull":      "eq(field, null)",
    "is_not_null": "exists(field)",
    "has_key":     'has(metadata, "k")',
    "has_tag":     'has(tags, "x")',
    "has_error":   "eq(error, true)",
    "has_feedback": 'has(feedback_key, "k"), or exists(feedback_key)',
    "is_root":     "eq(is_root, true)",
    "now":         'an absolute time: gt(start_time, "2026-01-31T12:00:00Z")',
    "text":        'search("words")',
    "fulltext":    'search("words")',
}
# fmt: on

FUNCTION_NAMES = {name: row.name for row in FUNCTIONS for name in (row.name, *row.aliases)}
FORMS = {row.name: row.form for row in FUNCTIONS}
ALLOWED_FUNCTIONS = tuple(row.name for row in FUNCTIONS)
