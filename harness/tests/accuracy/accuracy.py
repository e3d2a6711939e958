"""How often the first cause that the rules name is the right one.

Usage: accuracy.py BUILD [OUT]. Runs the labelled cases of cases.json: virtual boards, some of them
set up wrongly on purpose (board.py), against server configurations. Each case names the rule that
explains it, or none where the board must connect. Beside it runs what that rule says would help, so
that the diagnosis is confirmed or not. Prints where the first cause is another, the share of right
first causes, the share confirmed, and the causes named for cells that passed. Ends with 1 below the
aim, or if there are such.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List

from client import RAW, TLS

HERE = os.path.dirname(os.path.abspath(__file__))
RULES = "harness/verdict/rules"
AIM = 0.95
AT_ONCE = 2
Json = Dict[str, Any]


def load(path: str) -> Any:
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def save(path: str, value: Any) -> None:
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def remedies(rule: str | None) -> List[Json]:
    path = f"{RULES}/{rule}.json"
    tries: List[Json] = load(path).get("try", []) if rule and os.path.exists(path) else []
    return tries


def scenario(name: str, case: Json, server: Json) -> Json:
    client = dict(case.get("client", {}))
    if "script" in case:
        client["sni"] = case["script"]
    made = {"name": name, "why": "labelled", "server": server, "client": client}
    if case.get("expect") != "recipe":  # else it is in the certificate's recipe
        made["expect"] = case.get("expect", {"result": "connect"})
    return made


def is_possible(server: Json) -> bool:
    """Whether the suite's loader takes it: keys of one version alone need that version."""
    versions = server.get("versions", ["1.2", "1.3"])
    old = any(version < "1.3" for version in versions)
    return ("ciphersuites" not in server or "1.3" in versions) and (
        "cipher_list" not in server or old
    )


def fails_anyway(case: Json) -> bool:
    """A client made by hand never finishes a handshake: what fails there refutes nothing."""
    script = case.get("script", "")
    return script in RAW or "status" in TLS.get(script, {})


def scenarios(number: int, case: Json) -> List[Json]:
    name = f"{number}-{case['rule'] or 'passes'}"
    server = {"certificate": "ecdsa-p256", **case["server"]}
    made = [scenario(name, case, server)]
    in_vain = "faults" in server or fails_anyway(case)
    for n, patch in enumerate([] if in_vain else remedies(case["rule"])):
        changed = merged(server, patch)
        if changed != server and is_possible(changed):
            made.append(scenario(f"{name}-try-{n + 1}", case, changed))
    return made


def profile_of(board: str, folder: str) -> str:
    """A shipped board by its name, or a scripted one: "scripted-<stack>"."""
    stack = board.partition("scripted-")[2]
    if not stack:
        return board
    profile = {
        "name": board,
        "why": "A board that is set up wrongly on purpose.",
        "stack": stack,
        "virtual": [sys.executable, os.path.join(HERE, "board.py"), stack],
        "client_certificate": "client-ecdsa-p256",
        "timeout_ms": 3000,
    }
    path = os.path.join(folder, board + ".json")
    save(path, profile)
    return path


def run(build: str, folder: str, board: str, cases: List[tuple[int, Json]]) -> Json:
    made = [one for number, case in cases for one in scenarios(number, case)]
    suite = {"suite": "accuracy", "why": "Labelled cases.", "scenarios": made}
    path = os.path.join(folder, f"accuracy-{board}.json")
    out = os.path.join(folder, "out-" + board)
    save(path, suite)
    command = [f"{build}/shakedown", "run", path, "--board", profile_of(board, folder)]
    command += ["--out", out, "--tries", "0", "--control", "never"]
    environment = {**os.environ, "PYTHONPATH": "harness"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)}:\n{done.stderr[-2000:]}")
    results: Json = load(os.path.join(out, "results.json"))
    return results


def label_of(cell: Json) -> str:
    scenario_name: str = cell["scenario"]
    return scenario_name.partition("-")[2]


def score(results: List[Json]) -> bool:
    cells = [cell for result in results for cell in result["cells"]]
    labelled = [c for c in cells if "-try-" not in c["scenario"] and label_of(c) != "passes"]
    right = [c for c in labelled if c["diagnosis"] and c["diagnosis"][0]["id"] == label_of(c)]
    confirmed = [c for c in right if c["diagnosis"][0]["confidence"] == "confirmed"]
    false = [c for c in cells if c["outcome"] == "pass" and c["diagnosis"]]
    unfit = [c for c in cells if label_of(c) == "passes" and c["outcome"] != "pass"]
    for cell in labelled:
        if cell not in right:
            found = [d["id"] for d in cell["diagnosis"]] or "none"
            print(f"{cell['id']}: {cell['outcome']} {cell['reason']}: {found}")
            print(f"    {cell['detail']}")
    for cell in false + unfit:
        print(f"{cell['id']}: {cell['outcome']} {cell['reason']}: {cell['diagnosis']}")
    rules = {label_of(c) for c in right}
    share = len(right) / len(labelled)
    print(f"labelled cells {len(labelled)}, of {len({label_of(c) for c in labelled})} causes")
    print(f"first cause right {len(right)} ({share:.1%}), of {len(rules)} causes")
    print(f"confirmed by counterfactual {len(confirmed)} ({len(confirmed) / len(labelled):.1%})")
    print(f"passing cells {sum(c['outcome'] == 'pass' for c in cells)}, with a cause {len(false)}")
    return share >= AIM and not false and not unfit


def main() -> None:
    build = sys.argv[1]
    boards: Dict[str, List[tuple[int, Json]]] = defaultdict(list)
    for number, case in enumerate(load(os.path.join(HERE, "cases.json"))):
        boards[case["board"]].append((number, case))
    with tempfile.TemporaryDirectory() as made, ThreadPoolExecutor(AT_ONCE) as pool:
        folder = sys.argv[2] if len(sys.argv) > 2 else made
        os.makedirs(folder, exist_ok=True)
        results = list(pool.map(lambda board: run(build, folder, board, boards[board]), boards))
    sys.exit(0 if score(results) else 1)


if __name__ == "__main__":
    main()
