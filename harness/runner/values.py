"""The values of a run, for the commands of consoles and programs."""

from __future__ import annotations

import base64
import json
import os
import time
from typing import Any, Dict

from . import template
from .driver import Failed
from .folder import Folder
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


def _roots(command: Message) -> list[str]:
    """The roots to trust, each once: several certificates of a server may have one in common."""
    return list(dict.fromkeys(_read(path) for path in command.get("ca_pem", [])))


def _forms(name: str, pem: str) -> dict[str, str]:
    """The forms in which shells take a certificate or key."""
    block = _first_block(pem)
    der = base64.b64decode(block)
    return {
        f"{name}_size": str(len(pem)), f"{name}_base64": block, f"{name}_der_size": str(len(der)),
        f"{name}_hex": der.hex("\n", -HEX_LINE).upper(),
    }


class Values:
    """Makes the values of each run, and the files that the profile has a place for."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._renamed: Dict[str, Dict[str, str]] = settings.get("values", {})
        self._places = set(template.places([json.dumps(settings)]))
        self._folder = Folder()

    def _file(self, name: str) -> str:
        return os.path.join(self._folder.path, name)

    def of(self, command: Message) -> dict[str, str]:
        """All values that this run has."""
        values = {name: str(command[name]) for name in _PLAIN if command.get(name)}
        psk = command.get("psk", "").partition(":")
        if psk[2]:
            values["psk_identity"], values["psk_key"] = psk[0], psk[2]
        values["time"] = str(int(time.time()))
        if self._places & {"session", "resume"}:
            values["session"] = self._file("session")
            if command.get("resume"):
                values["resume"] = values["session"]
        values.update(self._certificates(command))
        for name, words in self._renamed.items():
            if values.get(name) in words:
                values[name] = words[values[name]]
        return values

    def _certificates(self, command: Message) -> dict[str, str]:
        roots = _roots(command)
        values = {}
        if roots:
            values["ca_pem"] = "".join(roots)
            if "ca" in self._places:
                values["ca"] = self._file("ca.pem")
                with open(values["ca"], "w", encoding="ascii") as file:
                    file.write(values["ca_pem"])
        if command.get("cert_pem"):
            values.update((name, _read(command[name])) for name in _FILES)
            values["cert"], values["key"] = (command[name] for name in _FILES)
        for name in ("ca", "cert", "key"):
            if f"{name}_pem" in values:
                values.update(_forms(name, values[f"{name}_pem"]))
        return values

    def of_roots(self, command: Message) -> list[dict[str, str]]:
        """What each root alone is in all its forms."""
        return [
            {"ca_pem": pem, "ca_root": str(i), **_forms("ca", pem)}
            for i, pem in enumerate(_roots(command))
        ]


def refuse_unmet(
    words: list[Word], command: Message, where: str, application: str | None = None
) -> None:
    """Failed if the case asks for something that this client cannot do.

    `application` is what the client is made to talk to. One that talks to nobody gets along with
    every server; where the server has the last word, it also closes first.
    """
    asked = template.unmet(words, command)
    if asked:
        raise Failed("unable", f"the case asks for {asked}, which {where} has no place for")
    if application in (None, "none"):
        return
    spoken = command.get("application", "echo")
    if spoken != application:
        raise Failed(
            "unable", f"the case has a server for {spoken}, and the client is for {application}"
        )
    if application != "echo" and command.get("close", "notify") != "notify":
        raise Failed(
            "unable", "the case is about a server that does not end in order once the client has "
            f"closed, and with {application} the server closes first"
        )
