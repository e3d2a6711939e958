"""Takes the picture of README.md: the page of a run of the story. Usage: screenshot.py BUILD FILE.png"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from browser import Browser  # noqa: E402

BOARDS = ["netx-unallocated", "netx-fixed", "wolfssl", "mbedtls"]


def main() -> None:
    build, picture = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    with tempfile.TemporaryDirectory(prefix="picture-") as name, Browser() as browser:
        subprocess.run([str(build / "shakedown"), "run", "story", "--board", *BOARDS, "--out", f"{name}/story"],
                       check=False, capture_output=True)
        browser.emulate(prefers_color_scheme="light")
        browser.devtools("Emulation.setScrollbarsHidden", hidden=True)
        browser.open(f"file://{name}/story/index.html")
        browser.picture(picture, 1280, 1100)


if __name__ == "__main__":
    main()
