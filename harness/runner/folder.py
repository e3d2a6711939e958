"""A folder for the files of a board's runs, which goes with the runner however that ends."""

from __future__ import annotations

import subprocess
import tempfile
import weakref

# It waits until the runner is gone: a runner that is killed cleans up nothing.
_CLEANER = 'read -r _; rm -rf -- "$1"'


def _clean_up(cleaner: subprocess.Popen[bytes]) -> None:
    assert cleaner.stdin
    cleaner.stdin.close()
    cleaner.wait()


class Folder:
    """Made when its path is first asked for: most boards need no file."""

    def __init__(self) -> None:
        self._path = ""

    @property
    def path(self) -> str:
        if not self._path:
            self._path = tempfile.mkdtemp(prefix="shakedown-")
            cleaner = subprocess.Popen(  # pylint: disable=consider-using-with
                ["sh", "-c", _CLEANER, "sh", self._path], stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            )
            weakref.finalize(self, _clean_up, cleaner)
        return self._path
