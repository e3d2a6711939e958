"""Holds the shipped schemas and the loaders together: both accept and refuse the same files.

The loaders are asked through `test_invalid`, the schemas through python3-jsonschema. Run with unittest from
the root of the repository; SHAKEDOWN_BUILD names the folder of the build.
"""

from __future__ import annotations

import copy
import glob
import json
import os
import random
import re
import subprocess
import tempfile
import unittest
from collections.abc import Iterator
from typing import Any

import jsonschema  # type: ignore

HELPER = os.path.join(os.environ.get("SHAKEDOWN_BUILD", "build"), "tests/scenario/test_invalid")
N_MUTATIONS = 250
SEED = 20240918


def load(path: str) -> Any:
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def for_draft_7(schema: Any) -> Any:
    """The same schema for a python3-jsonschema that is too old for draft 2020-12."""
    if isinstance(schema, list):
        return [for_draft_7(element) for element in schema]
    if not isinstance(schema, dict):
        return schema
    renamed = {"dependentRequired": "dependencies"}
    return {renamed.get(key, key): for_draft_7(value) for key, value in schema.items()}


DOCUMENTS = {"suite": "docs/suites.md", "known": "docs/suites.md", "board": "docs/boards.md", "lab": "docs/boards.md"}
SCHEMAS = {kind: load(f"scenarios/schema/{kind}.schema.json") for kind in ("suite", "board")}


def accepted_by_schema(kind: str, document: Any) -> bool:
    if hasattr(jsonschema, "Draft202012Validator"):
        return bool(jsonschema.Draft202012Validator(SCHEMAS[kind]).is_valid(document))
    return bool(jsonschema.Draft7Validator(for_draft_7(SCHEMAS[kind])).is_valid(document))


def ask_loader(kind: str, paths: list[str]) -> dict[str, dict[str, str | None]]:
    """For each path what the validator in C and the whole loader complain of."""
    done = subprocess.run([HELPER, kind, *paths], capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return {answer["file"]: answer for answer in answers}


def ask_loader_of(kind: str, documents: list[Any]) -> list[dict[str, str | None]]:
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, f"{i}.json") for i in range(len(documents))]
        for path, document in zip(paths, documents):
            with open(path, "w", encoding="utf-8") as file:
                json.dump(document, file)
        answers = ask_loader(kind, paths)
        return [answers[path] for path in paths]


Place = tuple[Any, Any]  # a container, and the key or index in it


def places(value: Any) -> Iterator[Place]:
    keys: list[Any] = list(value) if isinstance(value, dict) else []
    if isinstance(value, list):
        keys = list(range(len(value)))
    for key in keys:
        yield value, key
        yield from places(value[key])


STRANGE: list[Any] = [
    None, True, 0, -1, 2.5, 115200.0, "", "1.3", "a b", "A:B", [], ["1.2"], ["1.2", "1.2"], {}, {"result": "connect"}
]


def mutate(document: Any, chance: random.Random) -> Any:
    """A copy with one change: a key or element deleted, doubled, renamed or with another value."""
    mutant = copy.deepcopy(document)
    container, key = chance.choice(list(places(mutant)))
    change = chance.choice(["delete", "double", "rename", "value", "letter"])
    if change == "delete":
        del container[key]
    elif change == "double" and isinstance(container, list):
        container.append(copy.deepcopy(container[key]))
    elif change == "rename" and isinstance(container, dict):
        container[chance.choice(["server", "matrix", "exclude", key + "s", key[:-1]])] = container.pop(key)
    elif change == "letter" and isinstance(container[key], str):
        at = chance.randrange(len(container[key]) + 1)
        container[key] = container[key][:at] + chance.choice("aZ:. _-9\u00e9!") + container[key][at + 1 :]
    else:
        container[key] = chance.choice(STRANGE)
    return mutant


class Schemas(unittest.TestCase):
    def check_agreement(self, kind: str, documents: list[Any]) -> int:
        """Returns how many of the documents were refused."""
        n_refused = 0
        for document, answer in zip(documents, ask_loader_of(kind, documents)):
            with self.subTest(document=document, answer=answer):
                accepted = accepted_by_schema(kind, document)
                self.assertEqual(answer["schema"] is None, accepted)
                if not accepted:
                    self.assertEqual(answer["loader"], answer["schema"])
                n_refused += not accepted
        return n_refused

    def test_schemas_are_schemas(self) -> None:
        for schema in SCHEMAS.values():
            jsonschema.validators.validator_for(schema).check_schema(schema)

    def test_shipped_files_are_accepted_by_both(self) -> None:
        for kind, pattern in (("suite", "scenarios/*.json"), ("board", "scenarios/boards/*.json")):
            paths = sorted(path for path in glob.glob(pattern) if os.path.basename(path) != "known.json")
            self.assertTrue(paths)
            for path, answer in ask_loader(kind, paths).items():
                with self.subTest(path=path):
                    is_type = "or a lab file that names this profile" in (answer["loader"] or "")
                    self.assertEqual(is_type, kind == "board" and "type" in load(path).get("tags", []))
                    self.assertTrue(is_type or answer["loader"] is None, answer["loader"])
                    self.assertTrue(accepted_by_schema(kind, load(path)))

    def test_shipped_known_failures_are_of_their_schema(self) -> None:
        schema = load("scenarios/schema/known.schema.json")
        jsonschema.validators.validator_for(schema)(schema).validate(load("scenarios/boards/known.json"))

    def test_invalid_files_are_refused_by_both_unless_marked(self) -> None:
        """A case with a file `beyond-schema` has a fault that only the loader finds."""
        for folder in sorted(glob.glob("scenarios/invalid/*")):
            kind = "board" if os.path.basename(folder).startswith("board-") else "suite"
            path = os.path.join(folder, "input.json")
            beyond_schema = os.path.exists(os.path.join(folder, "beyond-schema"))
            answer = ask_loader(kind, [path])[path]
            with self.subTest(folder=folder):
                self.assertIsNotNone(answer["loader"])
                self.assertEqual(answer["schema"] is None, beyond_schema)
                if "is not JSON" not in (answer["loader"] or ""):
                    self.assertEqual(accepted_by_schema(kind, load(path)), beyond_schema)

    def test_mutated_files_are_accepted_or_refused_by_both(self) -> None:
        chance = random.Random(SEED)
        for kind, path in (
            ("suite", "scenarios/story.json"),
            ("suite", "scenarios/basics.json"),
            ("board", "scenarios/boards/wolfssl.json"),
            ("board", "harness/tests/scenario/full-board.json"),
            ("board", "harness/tests/scenario/full-console.json"),
            ("board", "harness/tests/scenario/full-program.json"),
            ("board", "harness/tests/scenario/full-passive.json"),
        ):
            document = load(path)
            mutants = [mutate(document, chance) for _ in range(N_MUTATIONS)]
            n_refused = self.check_agreement(kind, mutants)
            self.assertGreater(n_refused, N_MUTATIONS // 5)
            self.assertLess(n_refused, N_MUTATIONS)


class Documentation(unittest.TestCase):
    """docs/suites.md and docs/boards.md: their examples work, and no key is left out."""

    def setUp(self) -> None:
        self.texts = {}
        for kind, path in DOCUMENTS.items():
            with open(path, encoding="utf-8") as file:
                self.texts[kind] = file.read()

    def examples(self, key: str) -> list[Any]:
        """All examples that have `key`, in whatever document."""
        blocks = re.findall(r"```json\n(.*?)```", "".join(sorted(set(self.texts.values()))), re.S)
        return [example for example in map(json.loads, blocks) if key in example]

    def test_examples_are_accepted(self) -> None:
        for kind, key in (("suite", "scenarios"), ("board", "stack")):
            documents = self.examples(key)
            self.assertTrue(documents)
            for document, answer in zip(documents, ask_loader_of(kind, documents)):
                with self.subTest(document=document):
                    self.assertIsNone(answer["schema"])
                    self.assertTrue(accepted_by_schema(kind, document))
                    self.assertIsNone(answer["loader"])
        for kind, key in (("known", "known"), ("lab", "boards")):
            self.assertTrue(self.examples(key))
            for document in self.examples(key):
                jsonschema.validate(document, load(f"scenarios/schema/{kind}.schema.json"))

    def test_every_key_is_explained(self) -> None:
        for kind, text in self.texts.items():
            for container, key in places(load(f"scenarios/schema/{kind}.schema.json")):
                if key != "properties":
                    continue
                for name in container["properties"]:
                    with self.subTest(kind=kind, name=name):
                        self.assertIn(f"`{name.rpartition('.')[2]}`", text)


if __name__ == "__main__":
    unittest.main()
