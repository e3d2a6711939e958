"""What a user gets told: one sentence, the right exit status, and nothing half-done left behind."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from lab import ROOT, SHAKEDOWN, BUILD, Lab, outcomes, tree  # noqa: E402
from serial_port import SerialPort  # noqa: E402

CAPTURE = ROOT / "captures/st-forum-rsa-refused.pcap"
NAMESPACES = subprocess.run(
    ["unshare", "-Urm", "sh", "-c", "mount -t tmpfs none /mnt"], capture_output=True, check=False
).returncode == 0 if shutil.which("unshare") else False


def suite(**server: Any) -> dict[str, Any]:
    return {"suite": "own", "why": "A test.",
            "scenarios": [{"name": "one", "why": "A test.", "server": {"certificate": "rsa-2048", **server}}]}


def profile(name: str, **members: Any) -> dict[str, Any]:
    return {"name": name, "why": "A test.", "stack": "mbedtls", **members}


class WrongInput(Lab):
    def setUp(self) -> None:
        super().setUp()
        self.suite = "story"
        self.boards = ["mbedtls"]
        self.wrap: tuple[str, ...] = ()

    def refused(self, status: int, complaint: str) -> None:
        """The run ends with this sentence, after notices at most, and leaves nothing at all."""
        before = tree(self.folder)
        run = self.start(self.suite, *self.boards, wrap=self.wrap)
        done = run.finish()
        self.check_nothing_left(run)
        self.assertEqual(done.complaint, complaint)
        self.assertEqual((done.status, done.out), (status, ""))
        lines = [line for line in done.err.splitlines() if not re.match("No (capture|private network): ", line)]
        self.assertEqual(len(lines), 1, done.err)
        self.assertEqual(set(tree(self.folder)) - set(before), {"runtime/shakedown"} & set(tree(self.folder)))


class Suites(WrongInput):
    def test_unknown_key(self) -> None:
        self.suite = self.write("own.json", suite(colour="red"))
        schema = json.loads((ROOT / "scenarios/schema/suite.schema.json").read_text(encoding="utf-8"))
        known = ", ".join(schema["$defs"]["server"]["properties"])
        self.refused(2, f'{self.suite}: $.scenarios[0].server: unknown key "colour"; known are {known}')

    def test_wrong_type(self) -> None:
        self.suite = self.write("own.json", suite(versions="1.3"))
        self.refused(2, f'{self.suite}: $.scenarios[0].server.versions: must be a list, not "1.3"')

    def test_unknown_certificate(self) -> None:
        self.suite = self.write("own.json", suite(certificate="rsa-2084"))
        sentence = (ROOT / "scenarios/invalid/certificate-is-unknown/error").read_text(encoding="utf-8")
        _, _, rest = sentence.strip().partition("certificate[1]")
        self.refused(2, f"{self.suite}: $.scenarios[0].server.certificate{rest}")

    def test_no_json(self) -> None:
        self.suite = self.write("own.json", '{"suite": "own",\n "why" "A test."}')
        self.refused(2, f"{self.suite} is not JSON: line 2, column 16: ':' expected near '\"A test.\"'")

    def test_unknown_suite(self) -> None:
        self.suite = "stories"
        known = ", ".join(sorted(path.stem for path in (ROOT / "scenarios").glob("*.json")))
        self.refused(2, f'unknown suite "stories" (did you mean "story"?); known are {known}; a file of '
                        "your own needs a slash or .json in its name")

    def test_unknown_case(self) -> None:
        self.options = ["--case", "rsa-certificate-in-tls-1.3", "rsa"]
        self.refused(2, "no suite of this run has the case rsa: `shakedown plan SUITE` lists them")

    def test_more_cells_than_a_report_can_hold(self) -> None:
        large = suite()
        large["scenarios"][0]["matrix"] = {
            "client.alpn": [f"protocol-{i}" for i in range(1000)],
            "server.max_send_fragment": [512 + i for i in range(1000)],
        }
        self.suite = self.write("large.json", large)
        self.boards = ["mbedtls", "wolfssl"]
        self.refused(2, "the plan has 2000000 cells (1000000 cases on 2 boards), more than the 250000 that one "
                        "report can hold: run it in parts, --shard 1/8 and so on, or choose cases with --case")

    def test_larger_suite_than_one_request_can_hold(self) -> None:
        self.suite = self.write("large.json", {**suite(), "why": "long " * 4_000_000})
        self.refused(2, 'the suites of this run are 19 MB of JSON, more than the 16 that one run takes: let a '
                        '"matrix" make the cases of scenarios that are alike, or run the suites one by one')

    def test_cases_of_a_shard(self) -> None:
        self.options = ["--case", "rsa-certificate-in-tls-1.3", "--shard", "1/2"]
        self.refused(2, "--shard and --case exclude each other")

    def test_absent_suite_file(self) -> None:
        self.suite = "absent.json"
        self.refused(2, "cannot open absent.json: No such file or directory")

    def test_folder_in_place_of_a_suite(self) -> None:
        self.suite = "./runtime"
        self.refused(2, "cannot read ./runtime: Is a directory")


class Boards(WrongInput):
    def test_unknown_board(self) -> None:
        self.boards = ["netx"]
        files = sorted(path.name for path in (ROOT / "scenarios/boards").glob("*.json") if path.name != "known.json")
        known = ", ".join(name.removesuffix(".json") for name in files)
        self.refused(2, f'unknown board "netx"; known are {known}; a file of your own needs a slash or .json in its name')

    def test_two_boards_on_one_port(self) -> None:
        first = self.write("first.json", profile("first", port="/dev/ttyACM7", address="127.0.0.1"))
        second = self.write("second.json", profile("second", port="/dev/ttyACM7", address="127.0.0.1"))
        self.boards = [first, second]
        self.refused(2, f'{second}: $.port: /dev/ttyACM7 is the port of the board "first" too ({first}): '
                        "boards cannot share one")

    def test_address_that_is_not_ours(self) -> None:
        path = self.write("own.json", profile("own", port="/dev/ttyACM7", address="203.0.113.7"))
        self.boards = [path]
        self.refused(2, f"{path}: $.address: no network interface of this machine has the address 203.0.113.7")

    def test_absent_port(self) -> None:
        self.boards.append(self.write("own.json", profile("own", port="/dev/ttyNONE", address="127.0.0.1")))
        self.refused(3, "own: cannot open /dev/ttyNONE: No such file or directory; plug the board in, or correct "
                        "the name (`ls -l /dev/serial/by-id` lists what is there)")

    def test_port_that_is_a_file(self) -> None:
        path = self.write("own.json", profile("own", port="own.json", address="127.0.0.1"))
        self.boards = [path]
        self.refused(3, "own: cannot open own.json: Inappropriate ioctl for device; name a serial port")

    def test_port_in_use_by_another_program(self) -> None:
        port = SerialPort()
        self.addCleanup(port.close)
        fcntl.flock(port.slave, fcntl.LOCK_EX)  # as picocom and pyserial do
        self.boards = [self.write("own.json", profile("own", port=port.device, address="127.0.0.1"))]
        name = Path("/proc/self/comm").read_text(encoding="utf-8").strip()
        self.refused(3, f"own: cannot open {port.device}: another program uses it; close {name} "
                        f"(process {os.getpid()}), which has it open")

    def test_program_that_is_no_board(self) -> None:
        self.boards = [self.write("own.json", profile("own", virtual=["false"]))]
        self.refused(3, "the virtual board own ended with status 1 before it named its device, which is the first "
                        "that a virtual board does; is \"false\" one, as shakedown-board is?")

    def test_program_that_ends_at_once(self) -> None:
        self.boards = [self.write("own.json", profile("own", virtual=["/bin/true"]))]
        self.refused(3, "the virtual board own ended with status 0 before it named its device, which is the first "
                        "that a virtual board does; is \"/bin/true\" one, as shakedown-board is?")

    def test_absent_program(self) -> None:
        self.boards = [self.write("own.json", profile("own", virtual=["shakedown-board-none"]))]
        self.refused(3, "cannot start the virtual board own (shakedown-board-none): no such file or directory; if "
                        "it is one of Shakedown's boards, install its TLS library's development package "
                        "(packages.txt) and run `make`")


class Folders(WrongInput):
    def test_folder_that_is_a_file(self) -> None:
        self.write("report", "x")
        self.refused(3, f"cannot make the folder {self.out}: Not a directory; name another folder with --out")

    def test_folder_below_a_file(self) -> None:
        self.write("file", "x")
        self.out = self.folder / "file" / "report"
        self.refused(3, f"cannot make the folder {self.out}: Not a directory; name another folder with --out")

    def test_folder_that_is_not_writable(self) -> None:
        self.out.mkdir()
        self.out.chmod(0o555)
        if os.geteuid() == 0:  # without its capabilities even root is bound by modes
            self.wrap = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all")
        self.refused(3, f"cannot start the run's journal {self.out}/journal.jsonl: Permission denied; name "
                        "another folder with --out")

    def test_program_far_from_the_folder_with_its_data(self) -> None:
        alone = shutil.copy(SHAKEDOWN, self.folder)
        environment = {name: value for name, value in os.environ.items() if name != "SHAKEDOWN_ROOT"}
        done = subprocess.run([alone, "run", "story", "--board", "mbedtls", "--out", self.out],
                              capture_output=True, text=True, env=environment, check=False)
        self.assertEqual((done.returncode, done.stdout), (3, ""))
        self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertIn(f"no certs/recipes.json in any folder above {alone}: set SHAKEDOWN_ROOT", done.stderr)

    def test_folder_that_holds_a_run(self) -> None:
        self.assertEqual(self.run_suite(self.suite, *self.boards).status, 0)
        before = {name: (self.out / name).read_bytes() for name in ("results.json", "junit.xml", "summary.md", "index.html")}
        self.refused(2, f"{self.out} holds a run already (results.json): name another folder, or remove it first")
        self.assertEqual({name: (self.out / name).read_bytes() for name in before}, before)


    def test_report_of_a_folder_that_is_not_writable_is_printed(self) -> None:
        self.run_suite(self.suite, *self.boards)
        self.out.chmod(0o555)
        bound = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all") if os.geteuid() == 0 else ()
        done = subprocess.run([*bound, SHAKEDOWN, "report", str(self.out)], capture_output=True, text=True,
                              env=self.env, check=False)
        self.out.chmod(0o755)
        self.assertEqual(done.returncode, 3)
        self.assertIn("ecdsa-certificate-in-tls-1.2", done.stdout)
        self.assertEqual(done.stderr,
                         f"shakedown: cannot create {self.out}/results.json: Permission denied\n")


@unittest.skipUnless(NAMESPACES, "unprivileged namespaces are not allowed here")
class FullDisk(Lab):
    def fill(self, size: str) -> tuple[int, str, list[str], dict[str, Any]]:
        """A run on a disk of that size, and its report written again elsewhere: status, error, files, results."""
        disk, rest = self.folder / "disk", self.folder / "rest"
        disk.mkdir()
        script = (f"mount -t tmpfs -o size={size} none {disk} || exit 9\n"
                  f"{SHAKEDOWN} run story --board netx-fixed --out {disk}/report; echo $?\n"
                  f"cp -r {disk}/report {rest}")
        run = subprocess.run(["unshare", "-Urm", "sh", "-c", script], env=self.env, cwd=self.folder,
                             capture_output=True, text=True, check=False)
        files = tree(rest)
        self.assertEqual(self.shakedown("report", str(rest)).status, 0)
        return int(run.stdout), run.stderr.splitlines()[-1], files, self.results(rest)

    def test_report_that_does_not_fit_is_made_once_there_is_space(self) -> None:
        status, complaint, files, results = self.fill("128k")
        report = self.folder / "disk/report"
        self.assertEqual(complaint, f"shakedown: cannot write {report}/results.json: No space left on device; the "
                         f"report could not be written: see to that, then `shakedown report {report}` does it")
        self.assertEqual(status, 3)
        self.assertEqual([name for name in files if "/" not in name], ["journal.jsonl"])
        self.assertEqual([cell["outcome"] for cell in results["cells"]],
                         ["fail", "pass", "fail", "pass", "pass", "pass"])

    def test_run_goes_on_once_there_is_space(self) -> None:
        """Each cell is run once, and what was written before the disk was full is as it was."""
        disk = self.folder / "disk"
        disk.mkdir()
        script = (f"mount -t tmpfs -o size=48k none {disk} || exit 9\n"
                  f"{SHAKEDOWN} run story --board netx-fixed --out {disk}/report\n"
                  f"echo $? >status; cp -r {disk}/report before; mount -o remount,size=16m {disk}\n"
                  f"{SHAKEDOWN} run --resume {disk}/report >resumed\n"
                  f"echo $? >>status; cp -r {disk}/report after")
        subprocess.run(["unshare", "-Urm", "sh", "-c", script], env=self.env, cwd=self.folder, check=True,
                       capture_output=True)
        before, after = self.folder / "before", self.folder / "after"
        self.assertEqual((self.folder / "status").read_text().split(), ["3", "1"])
        self.assertEqual([name for name in tree(before) if "/" not in name], ["journal.jsonl"])
        self.assertEqual(self.shakedown("report", str(before)).status, 0)
        done = [cell for cell in self.results(before)["cells"] if cell["outcome"] != "skip"]
        kept = {name: (before / name).read_bytes() for cell in done for name in cell["evidence"].values()}
        self.assertTrue(kept)
        self.assertEqual({name: (after / name).read_bytes() for name in kept}, kept)
        self.assertEqual([cell["outcome"] for cell in self.results(after)["cells"]],
                         ["fail", "pass", "fail", "pass", "pass", "pass"])
        self.assertTrue(self.results(after)["run"]["complete"])

    def test_capture_that_does_not_fit_ends_the_run(self) -> None:
        status, complaint, files, results = self.fill("4k")
        self.assertRegex(complaint, r"^shakedown: cannot (write|create) \S+/disk/report/cells/\S+\.pcapng: No space "
                         "left on device; the report could not be written: see to that, then")
        self.assertEqual(status, 3)
        self.assertEqual([name for name in files if "/" not in name], ["journal.jsonl"])
        self.assertEqual([name for name in files if name.endswith(".pcapng")], [])
        self.assertFalse(results["run"]["complete"])
        self.assertEqual({cell["outcome"] for cell in results["cells"][1:]}, {"skip"})


class Rights(Lab):
    @unittest.skipUnless(NAMESPACES and shutil.which("setpriv"), "unprivileged namespaces are not allowed here")
    def test_without_the_right_to_capture_the_servers_tell_what_they_saw(self) -> None:
        script = ('echo 0 >/proc/sys/user/max_user_namespaces && '
                  'exec setpriv --bounding-set -all --inh-caps -all "$@"')
        done = self.run_suite("story", "netx-fixed", wrap=("unshare", "-Ur", "sh", "-c", script, "sh"))
        notices = self.results()["run"]["notices"]
        self.assertEqual(notices, done.err.splitlines()[:2])
        self.assertEqual(notices[0], "No private network: the system does not allow a private network (user and "
                         "network namespace): No space left on device; see /proc/sys/user/max_user_namespaces")
        self.assertEqual(notices[1], "No capture: cannot capture on the interface lo: socket: Operation not "
                         f'permitted; run "sudo setcap cap_net_raw+ep {BUILD}/shakedown-sniffer" once, or run as '
                         "root. What crosses the wire is told by the servers' own sockets.")
        self.check_told(self.cells())
        self.assertEqual(done.status, 1)

    def check_told(self, cells: dict[str, Any]) -> None:
        self.assertEqual([outcome for outcome, _ in outcomes(cells).values()],
                         ["fail", "pass", "fail", "pass", "pass", "pass"])
        for cell in cells.values():
            wire = cell["witnesses"]["wire"]
            self.assertEqual(wire["capture"], "server-tap")
            self.assertEqual(wire["client_hello"]["cipher_suites"][0], "TLS_AES_128_GCM_SHA256")
            self.assertTrue((self.out / cell["evidence"]["capture"]).is_file())


class Captures(Lab):
    def refused(self, path: str, complaint: str, out: str = "") -> None:
        done = self.shakedown("decode", path)
        self.assertEqual((done.complaint, done.status), (complaint, 2))
        self.assertEqual(len(done.err.splitlines()), 1)
        self.assertTrue(done.out.endswith(out), done.out)

    def test_absent(self) -> None:
        self.refused("absent.pcap", "cannot open absent.pcap: No such file or directory")

    def test_folder(self) -> None:
        self.refused("runtime", "cannot read runtime: Is a directory")

    def test_empty(self) -> None:
        path = self.write("empty.pcap", "")
        self.refused(path, f"{path} is empty; pcap and pcapng files are read")

    def test_no_capture(self) -> None:
        path = self.write("text.pcap", "Once upon a time")
        self.refused(path, f"{path} is not a capture: it begins with the bytes 4f 6e 63 65 20 75 70 6f; pcap and "
                           "pcapng files are read")

    def test_cut_in_the_second_packet(self) -> None:
        path = self.folder / "cut.pcap"
        path.write_bytes(CAPTURE.read_bytes()[:327])
        self.refused(str(path), f"{path}: the file ends at byte 327, inside packet 2, which begins at byte 290 and "
                     "takes 77 bytes; what came before was read")
        self.assertIn("ja3: 0fe05bb12fd3c7ca77de173a4deb6eae", self.shakedown("decode", str(path)).out.lower())

    def test_new_capture_in_the_place_of_what_is_read(self) -> None:
        for name, content in (("in.pcap", CAPTURE.read_bytes()), ("keys.log", b"# none\n")):
            (self.folder / name).write_bytes(content)
        (self.folder / "link.pcap").symlink_to("in.pcap")
        for new, read in (("in.pcap", "in.pcap"), ("./link.pcap", "in.pcap"), ("keys.log", "keys.log")):
            before = tree(self.folder)
            done = self.shakedown("decode", "in.pcap", "--keylog", "keys.log", "--write", new)
            self.assertEqual((done.complaint, done.status, done.out), (
                f"--write: {read} is read, and would be overwritten: name a new file", 2, ""))
            self.assertEqual(tree(self.folder), before)
        self.assertEqual((self.folder / "in.pcap").read_bytes(), CAPTURE.read_bytes())
        done = self.shakedown("decode", "in.pcap", "--write", "-")
        self.assertEqual((done.complaint, done.status, done.out), (
            "--write takes the name of a new file: standard output has what is told (a file may be called ./-)", 2, ""))

    def test_standard_input(self) -> None:
        done = self.shakedown("decode", "-", "--json", stdin=CAPTURE.read_bytes())
        self.assertEqual((done.status, done.err), (0, ""))
        hello = json.loads(done.out)["client_hello"]
        self.assertEqual(hello["ja3"], "0fe05bb12fd3c7ca77de173a4deb6eae")
        self.assertEqual(hello["ja4"], "t13i120500_300ad538f728_2ddaf29219d6")


class Usage(Lab):
    def refused(self, complaint: str, *arguments: str) -> None:
        done = self.shakedown(*arguments)
        self.assertEqual((done.status, done.out), (2, ""))
        self.assertEqual(done.err.splitlines()[0], f"shakedown: {complaint}")
        self.assertEqual(tree(self.folder), ["faults", "runtime"])

    def test_no_arguments_and_help_show_the_usage(self) -> None:
        nothing, asked = self.shakedown(), self.shakedown("--help")
        self.assertEqual((nothing.status, asked.status), (2, 0))
        self.assertEqual(nothing.err, asked.out)
        for command in ("run", "plan", "report", "accept", "decode", "whatif", "explain", "certs"):
            self.assertTrue(re.search(rf"^  shakedown {command}\b", asked.out, re.MULTILINE), command)

    def test_help_for_a_command_is_its_own(self) -> None:
        for words in (("run", "story", "--help"), ("help", "run")):
            asked = self.shakedown(*words)
            self.assertEqual(asked.status, 0)
            self.assertEqual(re.findall(r"^  shakedown (\w+)", asked.out, re.MULTILINE), ["run"])

    def test_version(self) -> None:
        self.assertRegex(self.shakedown("--version").out, r"^shakedown [0-9.]+, with OpenSSL 3\.")

    def test_output_that_the_disk_does_not_take(self) -> None:
        for words in (["plan", "story"], ["explain", str(ROOT / "captures/st-forum-rsa-refused.pcap")]):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([SHAKEDOWN, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
            self.assertEqual((done.returncode, done.stderr),
                             (3, "shakedown: cannot write all to standard output: is the disk full?\n"))

    def test_unknown_command(self) -> None:
        self.refused('there is no command "test"', "test")

    def test_unknown_option(self) -> None:
        self.refused("there is no option --bord (did you mean --board?)", "run", "story", "--bord", "mbedtls")
        self.refused("there is no option --board=mbedtls; what an option takes stands behind a space: --board mbedtls",
                     "run", "story", "--board=mbedtls")
        self.refused('there is no option --; a file whose name begins with "-" is written ./-NAME', "run", "--", "-own.json")

    def test_file_of_another_systems_editor(self) -> None:
        for text, how in ((b"\xef\xbb\xbf{}", "with a byte order mark"), ("{}".encode("utf-16"), "as UTF-16")):
            own = self.folder / "own.json"
            own.write_bytes(text)
            done = self.shakedown("run", str(own), "--board", "mbedtls")
            self.assertEqual((done.status, done.complaint),
                             (2, f"{own} is not JSON: it was saved {how}; save it as plain UTF-8, without a mark"))

    def test_results_of_another_version(self) -> None:
        self.write("results.json", {"format": "shakedown.results/2", "run": {}, "cells": []})
        for words in (("report", "."), ("compare", ".", "."), ("show", ".", "x")):
            done = self.shakedown(*words)
            self.assertEqual((done.status, done.complaint), (
                2, "./results.json has the format shakedown.results/2, and this version of Shakedown reads "
                "shakedown.results/1: read it with the version that wrote it"))

    def test_run_without_suite(self) -> None:
        self.refused("run takes a suite, before its options: a file, or a name such as story", "run", "--board", "mbedtls")

    def test_run_without_board(self) -> None:
        self.refused("run needs --board and at least one board: a profile's file or name", "run", "story")

    def test_out_without_folder(self) -> None:
        self.refused("--out takes one folder", "run", "story", "--board", "mbedtls", "--out")

    def test_options_without_what_they_need(self) -> None:
        self.refused("--case needs the name of a case: `shakedown plan SUITE` lists them",
                     "run", "story", "--board", "mbedtls", "--case")
        self.refused("--suite needs at least one suite: a file, or a name such as story",
                     "explain", str(CAPTURE), "--suite")

    def test_shards_that_would_all_be_refused_are_not_submitted(self) -> None:
        for words, complaint in (
            (("--tries", "many"), "--tries takes a number from 0 to 100, not many"),
            (("--attempts", "0"), "--attempts takes a number from 1 to 20, not 0"),
            (("--rules", "absent.json"), "cannot open absent.json: No such file or directory"),
            (("--known", "absent.json"), "cannot open absent.json: No such file or directory"),
            (("--known", str(CAPTURE)), f"{CAPTURE} is not JSON: line 1, column 1: invalid token near 'M'"),
            (("--durations", "absent"), "cannot open absent/results.json: No such file or directory; --durations takes "
             "the folder that a run names at its end"),
        ):
            self.refused(complaint, "slurm", "submit", "story", "--boards", "a", "--shards", "2", "--dry-run", *words)

    def test_what_slurm_did_not_take_can_be_submitted_again(self) -> None:
        sbatch = Path(self.write("sbatch", "#!/bin/sh\necho 'sbatch: error: no partition' >&2\nexit 1\n"))
        sbatch.chmod(0o755)
        self.env["PATH"] = f"{self.folder}:{self.env['PATH']}"
        (self.folder / "kept").mkdir()
        self.write("kept/notes.txt", "mine")
        for out in ("new", "new", "kept"):
            done = self.shakedown("slurm", "submit", "story", "--boards", "a", "--shards", "2", "--out", out)
            self.assertEqual((done.complaint, done.status),
                             ("Slurm did not take the job: sbatch: error: no partition", 3))
        self.assertFalse((self.folder / "new").exists())
        self.assertEqual(tree(self.folder / "kept"), ["notes.txt"])

    def test_name_that_no_report_can_hold(self) -> None:
        latin1 = os.fsdecode(b"caf\xe9")
        self.refused("the name caf? is not UTF-8", "run", latin1, "--board", "mbedtls")
        self.refused("the name caf? is not UTF-8", "run", "story", "--board", "mbedtls", "--out", latin1)
        self.refused("the name caf? is not UTF-8", "board", "try", "at-modem", "--port", latin1)

    def test_folder_whose_name_no_report_can_hold(self) -> None:
        profile_file = Path(self.write("own.json", profile("own", virtual=["shakedown-board"])))
        foreign = self.folder / os.fsdecode(b"caf\xe9")
        foreign.mkdir()
        profile_file.rename(foreign / "own.json")
        done = subprocess.run([SHAKEDOWN, "run", "story", "--board", "./own.json"], cwd=foreign, env=self.env,
                              capture_output=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertTrue(done.stderr.decode().endswith("/caf?/own.json is not UTF-8\n"), done.stderr)

    def test_names_in_any_bytes_are_only_unknown(self) -> None:
        latin1 = os.fsdecode(b"caf\xe9")
        for words in (("plan", latin1), ("explain", str(CAPTURE), "--suite", latin1),
                      ("whatif", str(CAPTURE), "--suite", latin1)):
            done = self.shakedown(*words)
            self.assertEqual((done.status, done.out), (2, ""))
            self.assertIn('unknown suite "caf?"', done.err)
        done = self.shakedown("decode", str(CAPTURE), "--fields", latin1)
        self.assertEqual(done.status, 2)
        self.assertIn('unknown member "caf?"', done.err)

    def test_foreign_bytes_do_not_drive_the_terminal(self) -> None:
        path = self.write("escape.json", "\x1b[31m")
        self.assertEqual(self.shakedown("plan", path).complaint,
                         f"{path} is not JSON: line 1, column 1: invalid token near '?'")
        Path(path).unlink()
        self.refused("cannot open ./a?[31m??: No such file or directory",
                     "decode", "./a\x1b[31m\x9b")

    def test_report_of_nothing(self) -> None:
        self.refused("report takes the folder of one run", "report")
        self.refused("cannot open absent/results.json: No such file or directory; "
                     "report takes the folder that a run names at its end", "report", "absent")

    def test_decode_of_nothing(self) -> None:
        self.refused("decode takes one capture (pcap or pcapng; - for standard input)", "decode")


if __name__ == "__main__":
    unittest.main()
