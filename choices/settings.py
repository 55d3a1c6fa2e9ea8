"""Settings held against the annotations of what is built from them: what does not fit is one line that names key and value."""

import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from omegaconf import OmegaConf
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from choices.wanted import listed, range_words

LONGEST = 200
"""Letters of a value in a message."""


class SettingError(ValueError):
    """A setting that cannot be; the message names its key and value, and says what would be right."""


def _as_text(value: object) -> object:
    return str(value) if type(value) in (int, float) else value


def _different(names: Sequence[str]) -> Sequence[str]:
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"{twice} is there twice; want a name of its own for each")
    if any(not name.strip() for name in names):
        raise ValueError("one is empty; want a name for each")
    return names


Text = Annotated[str, BeforeValidator(_as_text)]
"""A text, also one that looks like a number: a folder called 2024."""
Names = Annotated[Sequence[Text], AfterValidator(_different)]
"""Different names."""
ClassNames = Annotated[Names, Field(min_length=2)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
"""How many, or 0 for all or none of them."""
Finite = Annotated[float, Field(allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]


@dataclass(frozen=True)
class OneOf:
    """What a text may be."""

    names: tuple[str, ...]

    def __call__(self, value: str) -> str:
        """Raises ValueError for another."""
        if value not in self.names:
            raise ValueError("another")
        return value


def one_of(*names: str) -> AfterValidator:
    """For `Annotated[str, …]` where a Literal cannot stand: in the schemas that Hydra reads."""
    return AfterValidator(OneOf(names))


def wrong(key: str, hint: Any, value: object) -> str:
    """Why a value cannot be a setting's, one line with key and value; empty where it can be."""
    try:
        fitted(key, hint, value)
    except SettingError as error:
        return str(error)
    return ""


def fitted(key: str, hint: Any, value: object) -> Any:
    """A value as its annotation has it. Raises SettingError."""
    plain = OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
    adapter = _adapter(hint)
    if adapter is None:
        return value
    try:
        return adapter.validate_python(plain, strict=True)
    except ValidationError as error:
        own = error.errors()[0]
        said = own["msg"].removeprefix("Value error, ")
        why = said if own["type"] == "value_error" and "; want " in said else f"want {wanted(hint)}"
        raise SettingError(f"{key}={shown(plain)}: {why}") from None


def _adapter(hint: Any) -> TypeAdapter[Any] | None:
    try:
        return _made(hint)
    except (PydanticSchemaGenerationError, PydanticUserError, TypeError):
        return None


@cache
def _made(hint: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticUserError:  # a dataclass has a configuration of its own
        return TypeAdapter(hint)


def shown(value: object) -> str:
    """A value as it is typed on a command line, long ones cut."""
    if isinstance(value, Mapping):
        text = f"{{{','.join(f'{key}:{shown(one)}' for key, one in value.items())}}}"
    elif isinstance(value, list | tuple):
        text = f"[{','.join(map(shown, value))}]"
    else:
        text = {True: "true", False: "false"}[value] if isinstance(value, bool) else "null" if value is None else str(value)  # fmt: skip
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    types.NoneType: "null",
}


def wanted(hint: Any) -> str:
    """What an annotation takes, in words."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _limited(wanted(inner[0]), inner[1:])
    if origin is Literal:
        return listed([str(one) for one in inner])
    if origin in (Union, types.UnionType):
        return listed([words for one in inner if (words := wanted(one))])
    if origin is not None and issubclass(origin, Mapping):
        return "values by name, such as {a:b}"
    if origin is not None and issubclass(origin, Sequence):
        return "a list of values, such as [a,b]"
    return WORDS.get(hint, "")


def _limited(words: str, notes: Sequence[Any]) -> str:
    limits: dict[str, Any] = {}
    for note in notes:
        if isinstance(note, AfterValidator) and isinstance(note.func, OneOf):
            return listed(list(note.func.names))
        for one in getattr(note, "metadata", ()):
            limits |= {
                name: getattr(one, name) for name in ("ge", "gt", "le", "lt", "min_length") if hasattr(one, name)
            }
    if "min_length" in limits:
        return f"{words}, at least {limits['min_length']}"
    return f"{words}{range_words(limits)}"


def arguments(target: Callable[..., Any]) -> tuple[dict[str, Any], bool]:
    """The arguments of a function or a class by name, with their annotations, and whether it takes others as well.

    What a class hands on as `**others` is its base's.
    """
    if not inspect.isclass(target):
        return _own(target)
    found: dict[str, Any] = {}
    for base in target.__mro__:
        if "__init__" in vars(base) and base is not object:
            own, more = _own(vars(base)["__init__"])
            found = own | found
            if not more:
                return found, False
    return found, bool(found)


def _own(function: Callable[..., Any]) -> tuple[dict[str, Any], bool]:
    try:
        parameters = inspect.signature(function, eval_str=True).parameters
    except (NameError, TypeError, ValueError, AttributeError, SyntaxError):  # names that a type checker alone knows
        try:
            parameters = inspect.signature(function).parameters
        except (TypeError, ValueError):
            return {}, True
        parameters = types.MappingProxyType({name: one.replace(annotation=Any) for name, one in parameters.items()})
    named = {
        name: one.annotation if one.annotation is not one.empty else Any for name, one in parameters.items()
        if name != "self" and one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
    }  # fmt: skip
    return named, any(one.kind is one.VAR_KEYWORD for one in parameters.values())


def checked(prefix: str, target: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings for a target as its annotations have them.

    Args:
        prefix: what stands before their names on a command line, `datamodule.`.
        target: what is called with them.
        given: the settings, Hydra's own keys among them.

    Raises SettingError for a value of another type or beyond its range, and for one that the target does not take.

    """
    known, more = arguments(target)
    fit = {}
    for name, value in given.items():
        if name.startswith("_") and name.endswith("_"):
            continue
        if name not in known and not more:
            raise SettingError(f"{prefix}{name}={shown(value)}: no such key; want one of {', '.join(sorted(known))}")
        fit[name] = fitted(f"{prefix}{name}", known.get(name, Any), value)
    return fit
