"""Makes an example of a cell for a diagnosis rule: what rules look at, and nothing more.

Usage: golden.py RESULTS CELL RULE NAME WHY. Writes harness/tests/verdict/rules/RULE/NAME.json
(triggers, near-miss, near-miss-...) from the cell of that id in a results.json.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Dict

FOLDER = "harness/tests/verdict/rules"
OPEN_DEPTH = 3  # of objects that are written member by member
CELL = (
    "id suite scenario case board server client matrix expect why trouble twin witnesses".split()
)
WIRE = (
    "start client_hello hello_retry_request client_hello_2 server_hello version cipher_suite group"
    " signature_algorithm encrypted_extensions certificates messages alerts faults tcp"
    " longest_pause close capture note connections".split()
)
DROPPED = {
    "ja3", "ja3_string", "ja4", "ja4_r", "ja3s", "ja3s_string", "sha256", "serial", "t_ms",
    "key_identifier", "timings_ms", "random", "data", "signature_value",
}  # fmt: skip
Json = Dict[str, Any]


def lean(value: Any) -> Any:
    """Without what no rule asks for."""
    if isinstance(value, dict):
        return {key: lean(item) for key, item in value.items() if key not in DROPPED}
    return [lean(item) for item in value] if isinstance(value, list) else value


def reduced(cell: Json) -> Json:
    cell = {key: cell[key] for key in CELL if key in cell}
    witnesses = dict(cell["witnesses"])
    if witnesses.get("wire"):
        wire = witnesses["wire"]
        witnesses["wire"] = {key: wire[key] for key in WIRE if key in wire}
    return {**cell, "witnesses": lean(witnesses)}


def text_of(value: Any, depth: int = 0) -> str:
    """JSON, with a line for each member down to what a witness says."""
    if not isinstance(value, dict) or depth > OPEN_DEPTH or not value:
        return json.dumps(value)
    inner = "  " * (depth + 1)
    members = (f"{inner}{json.dumps(k)}: {text_of(v, depth + 1)}" for k, v in value.items())
    return "{\n" + ",\n".join(members) + "\n" + "  " * depth + "}"


def write(results: Json, cell: Json, rule: str, name: str, why: str) -> None:
    board = next(board for board in results["boards"] if board["name"] == cell["board"])
    folder = os.path.join(FOLDER, rule)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name + ".json"), "w", encoding="utf-8") as file:
        file.write(text_of({"why": why, "board": board, "cell": reduced(cell)}) + "\n")


def main() -> None:
    path, wanted, rule, name, why = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        results = json.load(file)
    cell = next(cell for cell in results["cells"] if cell["id"] == wanted)
    write(results, cell, rule, name, why)


if __name__ == "__main__":
    main()
