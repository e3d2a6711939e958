"""The values of a run, for the commands of consoles and programs."""

from __future__ import annotations

import base64
import os
import time
from typing import Any, Dict, List

from . import template
from .driver import Failed
from .messages import Message
from .template import Word

HEX_LINE = 32  # bytes in one line
_PLAIN = ("host", "port", "sni", "alpn", "min", "max", "id", "send")
_FILES = ("cert_pem", "key_pem")


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except OSError as error:
        raise Failed("upload", f"cannot read {path}: {error.strerror}") from None


def _first_block(pem: str) -> str:
    """The base64 lines of the first certificate or key, which are its DER."""
    block = pem.partition("-----BEGIN ")[2].partition("-----\n")[2]
    return block.partition("-----END ")[0]


class Values:
    """Makes the values of each run; files that programs need lie in `folder`, the caller's."""

    def __init__(self, settings: dict[str, Any], folder: str) -> None:
        self._renamed: Dict[str, Dict[str, str]] = settings.get("values", {})
        self._folder = folder

    def of(self, command: Message) -> dict[str, str]:
        """All values that this run has."""
        values = {name: str(command[name]) for name in _PLAIN if command.get(name)}
        psk = command.get("psk", "").partition(":")
        if psk[2]:
            values["psk_identity"], values["psk_key"] = psk[0], psk[2]
        values["time"] = str(int(time.time()))
        values["session"] = os.path.join(self._folder, "session")
        if command.get("resume"):
            values["resume"] = values["session"]
        values.update(self._certificates(command))
        for name, words in self._renamed.items():
            if values.get(name) in words:
                values[name] = words[values[name]]
        return values

    def _certificates(self, command: Message) -> dict[str, str]:
        roots: List[str] = command.get("ca_pem", [])
        values = {}
        if roots:
            values["ca_pem"] = "".join(_read(path) for path in roots)
            values["ca"] = os.path.join(self._folder, "ca.pem")
            with open(values["ca"], "w", encoding="ascii") as file:
                file.write(values["ca_pem"])
        if command.get("cert_pem"):
            values.update((name, _read(command[name])) for name in _FILES)
            values["cert"], values["key"] = (command[name] for name in _FILES)
        for name in ("ca", "cert", "key"):
            pem = values.get(f"{name}_pem")
            if pem:
                values[f"{name}_size"] = str(len(pem))
                block = _first_block(pem)
                der = base64.b64decode(block)
                values[f"{name}_base64"] = block
                values[f"{name}_hex"] = der.hex("\n", -HEX_LINE).upper()
                values[f"{name}_der_size"] = str(len(der))
        return values


def refuse_unmet(words: list[Word], command: Message, where: str) -> None:
    """Failed if the case asks for something that the profile's command has no place for."""
    asked = template.unmet(words, command)
    if asked:
        raise Failed("unable", f"the case asks for {asked}, which {where} has no place for")
