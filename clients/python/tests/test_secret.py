from __future__ import annotations

import copy
import json
import logging
import pickle
import random
import zlib
from dataclasses import asdict

import pytest
from stand_in import TOKEN

from patwarden import CheckItem, Secret, parse_secret

HINT = "pw_pat_...RGIA"


def test_a_wrapped_secret_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(TOKEN)
    logging.getLogger("test").warning("a token: %s, %r", secret, {"token": secret})
    shown = [str(secret), repr(secret), f"{secret} {secret!r}", str([secret]), caplog.text]
    shown.append(json.dumps({"token": secret}, default=str))
    shown.append(repr(CheckItem(TOKEN, "a:1", "viewer")))
    shown.append(repr(asdict(CheckItem(secret, "a:1", "viewer"))))
    for text in shown:
        assert TOKEN not in text
        assert TOKEN[7:20] not in text
    assert str(secret) == secret.hint == HINT
    with pytest.raises(TypeError):
        json.dumps({"token": secret})
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        vars(secret)
    assert copy.deepcopy(secret).reveal() == TOKEN


@pytest.mark.parametrize("text", ["", "hunter2", TOKEN[:-1], "_pat_"])
def test_what_is_no_secret_is_not_shown_either(text: str) -> None:
    assert repr(Secret(text)) == "Secret('...')"
    assert Secret(text).reveal() == text


def test_wrapped_secrets_are_equal_by_their_text() -> None:
    assert Secret(TOKEN) == Secret(TOKEN)
    assert hash(Secret(TOKEN)) == hash(Secret(TOKEN))
    assert Secret(TOKEN) != Secret(TOKEN[:-1])
    assert Secret(TOKEN) != TOKEN
    assert Secret("\ud800") != Secret("?")


def test_no_single_mistake_passes() -> None:
    """Each character changed into each other one, left out or doubled."""
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
    for at in range(len(TOKEN)):
        assert parse_secret(TOKEN[:at] + TOKEN[at + 1 :]) is None
        assert parse_secret(TOKEN[:at] + TOKEN[at] + TOKEN[at:]) is None
        for other in set(alphabet) - {TOKEN[at]}:
            assert parse_secret(TOKEN[:at] + other + TOKEN[at + 1 :]) is None


def test_what_is_made_is_well_formed() -> None:
    """A second encoder, of its own."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

    def encode(value: int, width: int) -> str:
        text = ""
        for _ in range(width):
            value, digit = divmod(value, 62)
            text = digits[digit] + text
        assert value == 0
        return text

    numbers = random.Random(7)  # noqa: S311
    for value in (0, 1, 2**256 - 1, *(numbers.getrandbits(256) for _ in range(1_000))):
        for prefix in ("pw_pat_", "pw_oat_"):
            checked = prefix + encode(value, 43)
            text = checked + encode(zlib.crc32(checked.encode()), 6)
            parsed = parse_secret(text)
            assert parsed is not None
            assert (parsed.kind, parsed.hint) == (prefix[3:6], f"{prefix}...{text[-4:]}")
