"""Commands with places for the values of a run: "{host}:{port}". Pure: no I/O, no clock.

A word is a text, or a list of texts that stand or fall together: a list with a place for a value
that the run does not have is left out whole. docs/boards.md is the user's view.
"""

from __future__ import annotations

import re
from typing import Iterator, List, Mapping, Union

Word = Union[str, List[str]]
Values = Mapping[str, str]

NAMES = (
    "host", "port", "sni", "alpn", "min", "max", "psk_identity", "psk_key", "ca", "cert", "key",
    "ca_pem", "cert_pem", "key_pem", "ca_base64", "cert_base64", "key_base64", "ca_hex", "cert_hex",
    "key_hex", "ca_size", "cert_size", "key_size", "ca_der_size", "cert_der_size", "key_der_size",
    "ca_root", "session", "resume", "id", "send", "time",
)
# What a case may ask of the client, and the place that a command must have for it.
DEMANDS = (
    ("alpn", "alpn"), ("min", "min"), ("max", "max"), ("psk", "psk_key"), ("resume", "resume"),
    ("early", "early"),
)
_PLACE = re.compile(r"\{([a-z_]+)\}")


class Unknown(Exception):
    """A place that no value goes to."""


def places(words: list[Word]) -> Iterator[str]:
    """The names of all places, in their order."""
    for word in words:
        for text in [word] if isinstance(word, str) else word:
            yield from _PLACE.findall(text)


def check(words: list[Word]) -> None:
    """Unknown, with a sentence, if a place has a name that there is not."""
    for name in places(words):
        if name not in NAMES:
            raise Unknown(f"there is no value {{{name}}}; known are {', '.join(NAMES)}")


def _has_all(text: str, values: Values) -> bool:
    return all(name in values for name in _PLACE.findall(text))


def _fill(text: str, values: Values) -> str:
    return _PLACE.sub(lambda place: values[place[1]], text)


def fill(words: list[Word], values: Values) -> list[str]:
    """The words of a command; those with a place for a value that is not there are left out."""
    filled: list[str] = []
    for word in words:
        texts = [word] if isinstance(word, str) else word
        if all(_has_all(text, values) for text in texts):
            filled += [_fill(text, values) for text in texts]
    return filled


def unmet(words: list[Word], command: Mapping[str, object]) -> str:
    """What the case asks for and the command has no place for ("alpn"); empty if nothing is."""
    there = set(places(words))
    asked = (asked for asked, place in DEMANDS if command.get(asked) and place not in there)
    return next(asked, "")
