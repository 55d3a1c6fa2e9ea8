"""The settings of a command as its schema's source says: key, type, default and the text under each field.

Read with ast, not imported: a field's docstring is in the source alone, and help should not wait for imports.
"""

import ast
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from choices import names_of
from choices.wanted import listed, range_words

SCHEMAS = ("command_schemas.py", "file_schemas.py", "station_schemas.py", "train_schema.py")
TYPES = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text"}
REQUIRED = "???"
"""The default of a setting that has none, as OmegaConf writes it."""


@dataclass(frozen=True)
class Setting:
    """One field of a schema."""

    key: str
    """As it is typed, `trainer.max_epochs`."""
    type: str
    """As the source has it; Any for a group, or for a list or a dict."""
    default: Any
    """REQUIRED where there is none."""
    meaning: str
    """The docstring under the field."""
    limits: str = ""
    """Its range in words, or the texts that it may be."""

    @property
    def kind(self) -> str:
        """Type and range as a help page has them."""
        name, _, rest = self.type.partition(" | ")
        name = "a list or a dict" if name == "Any" else name
        words = self.limits if name == "str" and self.limits else name + self.limits
        return f"{words} or {rest.replace('None', 'null')}" if rest else words

    @property
    def wanted(self) -> str:
        """What may be given, in words."""
        name, _, rest = self.type.partition(" | ")
        words = "a list such as [a,b]" if name.startswith("list") else TYPES.get(name, "one of its choices")
        words = self.limits if name == "str" and self.limits else words + self.limits
        return f"{words} or null" if rest == "None" else words


@cache
def classes() -> dict[str, list[Setting]]:
    """The fields of every schema, as they stand in its class, before those that it inherits."""
    found: dict[str, list[Setting]] = {}
    for name in SCHEMAS:
        for node in ast.parse((Path(__file__).parent / name).read_text()).body:
            if isinstance(node, ast.ClassDef):
                inherited = [one for base in node.bases for one in found.get(ast.unparse(base), [])]
                found[node.name] = _fields(node) + inherited
    return found


def _fields(node: ast.ClassDef) -> list[Setting]:
    fields = []
    for statement, after in zip(node.body, [*node.body[1:], None], strict=True):
        if not isinstance(statement, ast.AnnAssign):
            continue
        text = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
        type_, limits = _annotation(statement.annotation)
        meaning = " ".join(str(text).split())
        fields.append(Setting(ast.unparse(statement.target), type_, _default(statement.value), meaning, limits))
    return fields


def _annotation(node: ast.expr) -> tuple[str, str]:
    """The type, and what `Annotated` says beside it in words."""
    if isinstance(node, ast.BinOp):
        left, limits = _annotation(node.left)
        return f"{left} | {ast.unparse(node.right)}", limits
    if not (isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Annotated"):
        return ast.unparse(node), ""
    assert isinstance(node.slice, ast.Tuple)
    type_, note = node.slice.elts
    assert isinstance(note, ast.Call)
    if names := [one.value for one in note.args if isinstance(one, ast.Constant)]:
        return ast.unparse(type_), listed([str(name) for name in names])
    return ast.unparse(type_), range_words({str(one.arg): ast.literal_eval(one.value) for one in note.keywords})


def _default(node: ast.expr | None) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    made = ast.unparse(node) if node is not None else "MISSING"
    return [] if made == "field(default_factory=list)" else REQUIRED


def settings_of(schema: str) -> list[Setting]:
    """Every setting of a schema, those of a schema within it under their full keys."""
    found = []
    for one in classes()[schema]:
        found.append(one)
        if one.type in classes():
            found += [replace(inner, key=f"{one.key}.{inner.key}") for inner in settings_of(one.type)]
    return found


def is_group(one: Setting) -> bool:
    """Whether a setting names one of conf's files instead of a value."""
    return one.type == "Any" or (one.type in classes() and bool(names_of(one.key)))
