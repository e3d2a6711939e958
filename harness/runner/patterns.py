"""What a board's or a program's lines mean, by the regular expressions of its profile.

It tells which pattern matched what; nothing more is concluded here than the profile itself says:
`fatal` beats `fail` beats `ok`. Patterns are the user's: a wrong one is refused with its place, and
one that takes for ever is stopped after LIMIT_S.
"""

from __future__ import annotations

import re
import signal
from typing import Any, NamedTuple

LIMIT_S = 1.0  # for one pattern on one line
KINDS = ("fatal", "refused", "fail", "ok", "status")
PHASES = ("dns", "tcp", "hs", "app", "close")
# Names of groups, and what they become in the testimony.
GROUPS = {
    "status": "status", "status_hex": "status", "phase": "phase", "version": "version",
    "ciphersuite": "ciphersuite", "group": "group", "signature_algorithm": "signature_algorithm",
}


class Wrong(Exception):
    """A pattern that cannot be used. The text names its place in the profile, and why."""


class TooSlow(Exception):
    """A pattern that took longer than LIMIT_S on a line."""


class Pattern(NamedTuple):
    """One regular expression, and what a match says even without groups."""

    place: str  # "$.exec.fail[2]"
    regex: re.Pattern[str]
    facts: dict[str, str]


class Match(NamedTuple):
    """A line that a pattern matched, and what it says."""

    kind: str
    place: str
    line: str
    facts: dict[str, str]

    def told(self) -> str:
        """For people."""
        facts = "".join(f", {name} {value}" for name, value in self.facts.items())
        return f"{self.kind}: {self.place} matches {self.line!r}{facts}"


def compiled(place: str, text: str) -> re.Pattern[str]:
    """The regular expression; Wrong if it is none, or has groups by names that mean nothing."""
    try:
        regex = re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise Wrong(f"{place}: {text!r} is no regular expression: {error}") from None
    for name in regex.groupindex:
        if name not in GROUPS:
            raise Wrong(
                f"{place}: a group is called {name!r}; names that mean something are "
                f"{', '.join(GROUPS)}"
            )
    return regex


def _pattern(place: str, entry: Any) -> Pattern:
    if isinstance(entry, str):
        entry = {"match": entry}
    facts = {key: entry[key] for key in ("status", "phase") if key in entry}
    return Pattern(place, compiled(place, entry["match"]), facts)


def _late(_number: int, _frame: object) -> None:
    raise TooSlow


def search(regex: re.Pattern[str], line: str) -> re.Match[str] | None:
    """The first match. TooSlow after LIMIT_S. For the main thread, which owns the alarm."""
    before = signal.signal(signal.SIGALRM, _late)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    try:
        return regex.search(line)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _facts(pattern: Pattern, found: re.Match[str]) -> dict[str, str]:
    facts = dict(pattern.facts)
    for name, value in found.groupdict().items():
        if value is not None and (name != "phase" or value in PHASES):
            facts[GROUPS[name]] = f"0x{value}" if name == "status_hex" else value
    return facts


class Patterns:
    """The patterns of one profile, and what they have matched since the last clear()."""

    def __init__(self, place: str, settings: dict[str, Any]) -> None:
        self._patterns = {
            kind: [_pattern(f"{place}.{kind}[{i}]", entry)
                   for i, entry in enumerate(settings.get(kind, []))]
            for kind in KINDS
        }
        self.matches: list[Match] = []

    def clear(self) -> None:
        """Forgets all matches."""
        self.matches = []

    def wants(self, kind: str) -> bool:
        """Whether the profile has patterns of this kind."""
        return bool(self._patterns[kind])

    def take(self, line: str) -> list[Match]:
        """Looks at one complete line; what matched is kept. Wrong if a pattern takes for ever."""
        new = [match for kind in KINDS for match in self._matches(kind, line)]
        self.matches += new
        return new

    def _matches(self, kind: str, line: str) -> list[Match]:
        matches = []
        for pattern in self._patterns[kind]:
            try:
                found = search(pattern.regex, line)
            except TooSlow:
                raise Wrong(
                    f"{pattern.place}: {pattern.regex.pattern!r} took longer than {LIMIT_S:g} s"
                    f" on the line {line[:80]!r}; write it without nested repetitions"
                ) from None
            if found:
                matches.append(Match(kind, pattern.place, line, _facts(pattern, found)))
        return matches

    def fatal(self, line: str) -> Match | None:
        """What says that the client crashed, if anything on this line does; it is not kept."""
        return next((match for match in self._matches("fatal", line)), None)

    def first(self, kind: str) -> Match | None:
        """The first match of a kind."""
        return next((match for match in self.matches if match.kind == kind), None)

    def facts(self) -> dict[str, str]:
        """What all matches say together; of two that say different things, the first counts."""
        facts: dict[str, str] = {}
        for kind in KINDS:
            for match in self.matches:
                if match.kind == kind:
                    facts = {**match.facts, **facts}
        return facts
