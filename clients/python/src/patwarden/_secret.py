from __future__ import annotations

import hmac
import re
import zlib
from dataclasses import dataclass
from typing import Literal, NoReturn

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUE = {digit: value for value, digit in enumerate(_DIGITS)}
_BODY = re.compile(r"_(pat|oat)_([0-9A-Za-z]{43})([0-9A-Za-z]{6})", re.ASCII)
_BODY_LENGTH = len("_pat_") + 43 + 6
# 2^256 - 1. The digits are in ASCII order, so that texts compare as their values do.
_GREATEST = "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1"
_BRAND = re.compile(r"[a-z][a-z0-9]{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ParsedSecret:
    """What a well-formed secret shows without a call. Whether it was ever issued, only the server knows."""

    kind: Literal["pat", "oat"]
    """`pat` acts as a user, `oat` as an organization."""
    hint: str
    """For lists and logs: the prefix and the last four characters, `pw_pat_...x9Kq`."""


def parse_secret(text: str, brand: str = "pw") -> ParsedSecret | None:
    """
    Parses a secret. Returns `None` for a wrong length, brand, alphabet, range or checksum.

    It detects a cut-off paste without a call. The checksum is no security control: only the server knows whether a
    token can be used. Nothing is trimmed, and case matters.
    """
    if len(text) != len(brand) + _BODY_LENGTH or not text.startswith(brand):
        return None
    body = _BODY.fullmatch(text, len(brand))
    if body is None:
        return None
    kind, value, checksum = body.groups()
    if value > _GREATEST or _decode(checksum) != zlib.crc32(text[:-6].encode("ascii")):
        return None
    return ParsedSecret("pat" if kind == "pat" else "oat", f"{brand}_{kind}_...{text[-4:]}")


class Secret:
    """
    Wraps a secret so that `print`, `repr`, formatting and logging show only its hint. JSON and pickle refuse it. Every
    call that takes a token accepts it.
    """

    __slots__ = ("__hint", "__text")

    def __init__(self, text: str) -> None:
        self.__text = text
        parsed = parse_secret(text, text.partition("_")[0])
        self.__hint = parsed.hint if parsed else "..."

    def reveal(self) -> str:
        """Returns the whole secret."""
        return self.__text

    @property
    def hint(self) -> str:
        """As `ParsedSecret.hint`, or `...` if the text is not well formed for any brand."""
        return self.__hint

    def __str__(self) -> str:
        return self.__hint

    def __repr__(self) -> str:
        return f"Secret({self.__hint!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        mine, theirs = (one.__text.encode("utf-8", "surrogatepass") for one in (self, other))
        return hmac.compare_digest(mine, theirs)

    def __hash__(self) -> int:
        return hash(self.__text)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled; reveal() returns its text")


def text_of(token: str | Secret) -> str:
    return token.reveal() if isinstance(token, Secret) else token


def check_brand(brand: str) -> str:
    if not _BRAND.fullmatch(brand):
        raise ValueError("brand must be a lower-case letter and 1 to 9 lower-case letters or digits")
    return brand


def _decode(digits: str) -> int:
    value = 0
    for digit in digits:
        value = value * len(_DIGITS) + _VALUE[digit]
    return value
