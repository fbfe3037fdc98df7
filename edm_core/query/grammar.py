"""Reading a filter: MLflow's language as it is, else with OR, NOT and parentheses around its comparisons.

    some  = all {OR all}      all = one {AND one}      one = NOT one | "(" some ")" | comparison

MLflow needs no AND between comparisons and overlooks one too many; with OR, NOT or parentheses that would be guessing.
"""

from dataclasses import dataclass
from typing import Any

from sqlparse import lexer
from sqlparse import tokens as ttypes

from edm_core.errors import QueryError
from edm_core.query.clauses import read_clauses
from edm_core.query.expressions import All, Expression, Negation, Query, Some
from edm_core.query.pointing import Source

DEEPEST = 100
"""How many parentheses and NOTs may lie in one another."""
_WORDS = ("AND", "OR", "NOT")


def parse(text: str) -> Query:
    """What `text` says; "" says nothing, so every run fits. Raises QueryError, which shows the place."""
    source = Source(text)
    if not text:
        return Query(text, All(()), extended=False)
    _check_encodable(source)
    try:
        return Query(text, All(read_clauses(source, 0, len(text))), extended=False)
    except QueryError:
        marks = cut(text)
        if all(mark.word in ("", "AND") for mark in marks):
            raise
    return Query(text, _Reader(source, marks).read(), extended=True)


@dataclass(slots=True)
class Mark:
    """A word or parenthesis that joins comparisons, or ("" as `word`) the text of a comparison."""

    word: str
    start: int
    end: int


class _Reader:
    """Recursive descent over the marks."""

    def __init__(self, source: Source, marks: list[Mark]) -> None:
        self._source = source
        self._marks = marks
        self._at = 0
        self._depth = 0

    def read(self) -> Expression:
        found = self._some()
        if self._at < len(self._marks):
            mark = self._marks[self._at]
            missing = "no parenthesis is open here" if mark.word == ")" else "AND or OR is missing here"
            raise self._source.error(mark.start, missing)
        return found

    def _some(self) -> Expression:
        parts = [self._all()]
        while self._take("OR"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def _all(self) -> Expression:
        parts = [self._one()]
        while self._take("AND"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _one(self) -> Expression:
        mark = self._take("NOT") or self._take("(")
        if mark is None:
            return self._comparison()
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._source.error(mark.start, "this is too deeply nested")
        if mark.word == "NOT":
            found: Expression = Negation(self._one())
        else:
            found = self._some()
            if not self._take(")"):
                here = self._marks[self._at].start if self._at < len(self._marks) else len(self._source.text)
                problem = "AND, OR or a closing parenthesis is missing here"
                raise self._source.error(here, problem, f"The parenthesis opened in column {mark.start + 1}.")
        self._depth -= 1
        return found

    def _comparison(self) -> Expression:
        mark = self._take("")
        if mark is None:
            ended = self._at >= len(self._marks)
            start = len(self._source.text) if ended else self._marks[self._at].start
            raise self._source.error(start, "a comparison is missing here")
        clauses = read_clauses(self._source, mark.start, mark.end)
        if len(clauses) != 1:
            column = clauses[1].column if clauses else mark.start
            raise self._source.error(column, "AND or OR is missing here" if clauses else "a comparison is missing here")
        return clauses[0]

    def _take(self, word: str) -> Mark | None:
        if self._at < len(self._marks) and self._marks[self._at].word == word:
            self._at += 1
            return self._marks[self._at - 1]
        return None


def cut(text: str) -> list[Mark]:
    """The text cut at AND, OR, NOT and parentheses, where these do not belong to a comparison (IN, NOT IN)."""
    tokens = _placed_tokens(text)
    marks: list[Mark] = []
    inside = 0
    for index, (ttype, value, start) in enumerate(tokens):
        before = tokens[index - 1] if index else None
        word = ""
        if ttype is ttypes.Punctuation and value in "()[]":
            if inside or value == "[" or (value == "(" and _opens_list(before, marks)):
                inside = max(0, inside + (1 if value in "([" else -1))
            else:
                word = value if value in "()" else ""
        elif not inside and _joins(text, tokens, index):
            word = value.upper()
        if not word and marks and not marks[-1].word:
            marks[-1].end = start + len(value)
        else:
            marks.append(Mark(word, start, start + len(value)))
    return marks


def _placed_tokens(text: str) -> list[tuple[Any, str, int]]:
    found, start = [], 0
    for ttype, value in lexer.tokenize(text):
        if ttype not in ttypes.Whitespace:
            found.append((ttype, value, start))
        start += len(value)
    return found


def _opens_list(before: tuple[Any, str, int] | None, marks: list[Mark]) -> bool:
    """Whether a parenthesis after this token is a value, or what follows a function's name, rather than ours."""
    if before is None or marks[-1].word:
        return False
    return before[0] is ttypes.Keyword or before[0] in ttypes.Operator or before[0] in ttypes.Name


def _joins(text: str, tokens: list[tuple[Any, str, int]], index: int) -> bool:
    ttype, value, start = tokens[index]
    if value.upper() not in _WORDS or (index and tokens[index - 1][1] == "."):
        return False
    # sqlparse takes a word that touches a parenthesis for the name of a function.
    if ttype is not ttypes.Keyword and text[start + len(value) : start + len(value) + 1] != "(":
        return False
    following = tokens[index + 1][1].upper() if index + 1 < len(tokens) else ""
    return not (value.upper() == "NOT" and following == "IN")


def _check_encodable(source: Source) -> None:
    try:
        source.text.encode()
    except UnicodeEncodeError as error:
        raise source.error(error.start, "this character is no valid text") from error
