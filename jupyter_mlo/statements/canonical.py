"""The JSON canonicalisation scheme: one value, one sequence of bytes.

Source: RFC 8785. Strings (section 3.2.2.2) come out of msgspec exactly so; what differs is
mended here: numbers (section 3.2.2.3, ECMAScript's ``Number::toString`` of the IEEE double)
and the order of member names outside the Basic Multilingual Plane (section 3.2.3, UTF-16
code units).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, NoReturn

import msgspec

from jupyter_mlo.errors import StatementError

#: Integers up to this size are doubles without loss, and are written as they are.
_EXACT = 2**53
#: Levels of nesting that are written; what we sign is far flatter.
_MAX_DEPTH = 500

#: Types of values that are plain whatever their value.
_PLAIN: Set[type] = frozenset({str, bool, type(None)})
_INTEGERS: Set[type] = frozenset({int})
_NUMBERS: Set[type] = frozenset({int, float, type(None)})
#: Lists of so many numbers are worth being written at once.
_MANY = 8

_sorted = msgspec.json.Encoder(order="sorted").encode
_as_given = msgspec.json.Encoder().encode


#: Gives what stands for a value that RFC 8785 has no form for: NaN, an infinity (numbers
#: beyond the doubles come as one), or a string with a lone surrogate.
Odd = Callable[[float | str], Any]


def canonical_bytes(value: Any, *, odd: Odd | None = None) -> bytes:
    """``value`` as canonical JSON text in UTF-8.

    Args:
        value: dict, list, tuple, str, int, float, bool or None, to any depth up to 500.
        odd: what stands for values without a form; by default they are refused.

    Raises:
        StatementError: NaN, an infinity, a number beyond the doubles, a lone surrogate, a
            member name that is no string, or a value that JSON has no form for.
    """
    try:
        try:
            return _sorted(_patched(value, odd or _refuse_odd))
        except (_Irregular, UnicodeEncodeError):
            return _as_given(_ordered(value, 0, odd or _refuse_odd))
    except UnicodeEncodeError:
        raise _refused("a string holds a lone surrogate") from None
    except RecursionError:
        raise _refused(f"it is nested deeper than {_MAX_DEPTH} levels") from None


def number_text(number: float) -> str:
    """A finite double as ECMAScript writes it (ECMA-262, ``Number::toString``, radix 10)."""
    if number == 0.0:
        return "0"  # negative zero as well
    text = repr(number)
    if text.endswith(".0"):
        return text[:-2]
    if "e" not in text:
        return text if not text.startswith(("0.0000", "-0.0000")) else _laid_out(text)
    return _laid_out(text)


def _laid_out(text: str) -> str:
    """Shortest digits as Python's ``repr`` finds them, laid out by ECMAScript's rules."""
    sign = "-" if text[0] == "-" else ""
    mantissa, _, exponent = text.lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    point = len(whole) + int(exponent or 0)
    digits = (whole + fraction).lstrip("0")
    point -= len(whole + fraction) - len(digits)
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    rest = f".{digits[1:]}" if count > 1 else ""
    return f"{sign}{digits[0]}{rest}e{point - 1:+d}"


def is_exact(value: Any) -> bool:
    """Whether :func:`canonical_bytes` writes every integer in ``value`` as it is, not rounded."""
    if isinstance(value, int):
        try:
            return int(float(value)) == value
        except OverflowError:
            return False
    if isinstance(value, Mapping):
        return all(map(is_exact, value.values()))
    return all(map(is_exact, value)) if isinstance(value, (list, tuple)) else True


def utf16_order(name: str) -> bytes:
    """Sort key of a member name: its UTF-16 code units (RFC 8785, section 3.2.3)."""
    return name.encode("utf-16-be")


def is_plain(value: Any) -> bool:
    """Whether msgspec alone writes ``value`` canonically: no floats, above all."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if isinstance(value, dict):
        for name, member in value.items():
            if type(name) is not str or not (name.isascii() or max(name) < "\ud800"):
                return False
            if type(member) is not str and not is_plain(member):
                return False
        return True
    if kind is list or kind is tuple:
        kinds = set(map(type, value))
        if kinds <= _PLAIN:
            return True
        if kinds == _INTEGERS:
            return bool(min(value) >= -_EXACT and max(value) <= _EXACT)
        return float not in kinds and all(map(is_plain, value))
    return kind is int and -_EXACT <= value <= _EXACT


class _Irregular(Exception):
    """Only :func:`_ordered` can write this."""


def _patched(value: Any, odd: Odd) -> Any:
    """``value`` itself, or a copy in which numbers are such that msgspec writes them right.

    msgspec writes doubles from 1e-5 to 1e16 as ECMAScript does, but for those without a fraction.
    """
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is dict:
        changed: Any = None
        for name, member in value.items():
            if type(name) is not str or not (name.isascii() or max(name) < "\ud800"):
                raise _Irregular
            if type(member) is not str:
                patched = _patched(member, odd)
                if patched is not member:
                    changed = dict(value) if changed is None else changed
                    changed[name] = patched
        return value if changed is None else changed
    if kind is list or kind is tuple:
        return _patched_list(value, odd)
    if kind is float:
        if (1e-5 <= value < 1e16 or -1e16 < value <= -1e-5) and value % 1.0:
            return value
        return int(value) if -_EXACT <= value <= _EXACT and not value % 1.0 else _number(value, odd)
    if kind is int:
        return value if -_EXACT <= value <= _EXACT else _number(value, odd)
    raise _Irregular


def _patched_list(values: Sequence[Any], odd: Odd) -> Any:
    kinds = set(map(type, values))
    if kinds <= _PLAIN or (kinds == _INTEGERS and is_plain(values)):
        return values
    if kinds <= _NUMBERS and len(values) >= _MANY:
        numbers = _numbers(values, kinds)
        if numbers is not None:
            return numbers
    changed: Any = None
    for at, member in enumerate(values):
        patched = _patched(member, odd)
        if patched is not member:
            changed = list(values) if changed is None else changed
            changed[at] = patched
    return values if changed is None else changed


def _ordered(value: Any, depth: int, odd: Odd) -> Any:
    """A copy of ``value`` that msgspec writes canonically without sorting."""
    if depth > _MAX_DEPTH:
        raise _refused(f"it is nested deeper than {_MAX_DEPTH} levels")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        text = str.__str__(value)
        return odd(text) if has_lone_surrogate(text) else text
    if isinstance(value, int):
        return int(value) if -_EXACT <= value <= _EXACT else _number(value, odd)
    if isinstance(value, float):
        return _number(value, odd)
    if isinstance(value, (list, tuple)):
        return [_ordered(member, depth + 1, odd) for member in value]
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                raise _refused(f"the member name {name!r} is no string")
        return {
            str.__str__(name): _ordered(value[name], depth + 1, odd)
            for name in sorted(value, key=utf16_order)
        }
    raise _refused(f"JSON has no form for {type(value).__name__}")


def has_lone_surrogate(text: str) -> bool:
    """Whether UTF-8 has no form for ``text``."""
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _numbers(values: Sequence[float | None], kinds: Set[type]) -> msgspec.Raw | None:
    """A list of numbers (and nulls) at once; None where one of them is odd.

    msgspec finds the same shortest digits as ECMAScript, and lays out some of them otherwise.
    """
    text = _as_given(values)
    if b"null" in text and text.count(b"null") != values.count(None):
        return None  # it writes NaN and infinities so
    alike = b"e" not in text and b".0," not in text and not text.endswith(b".0]")
    if alike and (int not in kinds or _are_exact(values, kinds)):
        return msgspec.Raw(text)
    tokens = text[1:-1].split(b",")
    for at, token in enumerate(tokens):
        if b"e" in token or token.endswith(b".0") or (b"." not in token and len(token) > 15):
            number = values[at]
            if number is not None:
                try:
                    tokens[at] = number_text(float(number)).encode()
                except OverflowError:
                    return None
    return msgspec.Raw(b"[%b]" % b",".join(tokens))


def _are_exact(values: Sequence[float | None], kinds: Set[type]) -> bool:
    """Whether all integers among ``values`` are doubles without loss."""
    return is_plain(
        values if kinds == _INTEGERS else [value for value in values if isinstance(value, int)]
    )


def _number(value: float, odd: Odd) -> Any:
    try:
        double = float(value)
    except OverflowError:
        double = float("inf") if value > 0 else float("-inf")
    if double - double != 0.0:
        return odd(double)
    return msgspec.Raw(number_text(double).encode())


def _refuse_odd(value: float | str) -> NoReturn:
    if isinstance(value, str):
        raise _refused("a string holds a lone surrogate")
    raise _refused(f"JSON has no form for the number {value}")


def _refused(why: str) -> StatementError:
    return StatementError(
        f"this cannot be written as canonical JSON: {why}",
        hint="see docs/formats.md, 'Notation'; every value must be plain JSON data",
    )
