# SPDX-License-Identifier: GPL-2.0-or-later
"""What the command line promises: exit statuses, saved plans, sources, what is said to whom, an end on request."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from lib.run import kvmstate_binary, run, wait_for

SMALL = {"state": "stopped", "machine": "q35", "memory": "64MiB"}
# A running guest without an operating system: it never obeys the power button.
DEAF = {"state": "running", "machine": "q35", "memory": "64MiB"}


def journal(host):
    text = host.exec("sh", "-c", "cat /var/lib/kvmstate/journal.jsonl 2>/dev/null || true").ok().stdout
    return [json.loads(line) for line in text.splitlines()]


# ---- the program and its modules ----


def test_a_program_without_its_modules(tmp):
    """What needs neither libvirt nor git does not miss them; the rest says what is missing."""
    program = shutil.copy(kvmstate_binary(), tmp / "kvmstate")
    (tmp / "a.yaml").write_text("version: 1\nhost: a\n")
    run([program, "validate", "-f", tmp / "a.yaml"]).ok()
    if "libvirt.so" in run(["ldd", program]).stdout:
        pytest.skip("with a sanitizer the program itself is linked to libvirt")
    assert "libkvmstate-virt.so is missing" in run([program, "plan", "--host", "a", "-f", tmp / "a.yaml"]).ok(1).stderr
    shutil.copy(Path(kvmstate_binary()).with_name("libkvmstate-git.so"), tmp / "libkvmstate-virt.so")
    assert "does not belong to this kvmstate" in run([program, "plan", "--host", "a", "-f", tmp / "a.yaml"]).ok(1).stderr
    assert "libkvmstate-git.so is missing" in run([program, "plan", "--repo", f"file://{tmp}"]).ok(6).stderr


# ---- usage and sources ----


@pytest.mark.parametrize("args", [["aply"], [], ["plan", "--jsn"], ["apply", "a", "b"], ["plan", "--allow", "all"],
                                  ["apply", "plan.json", "--target", "guest/a"]])
def test_wrong_usage(args):
    result = run([kvmstate_binary(), *args]).ok(64)
    assert result.stdout == "" and "--help'" in result.stderr


def test_no_source(tmp):
    result = run([kvmstate_binary(), "plan", "--json", "--root", tmp]).ok(6)
    assert result.json["error"]["code"] == "source" and "--file or --repo" in result.json["error"]["message"]


def test_source_of_the_machine(tmp):
    (tmp / "etc/kvmstate").mkdir(parents=True)
    config = tmp / "etc/kvmstate/kvmstate.yaml"
    (tmp / "hosts").mkdir()
    (tmp / "hosts/box.yaml").write_text("version: 1\nhost: box\n")
    config.write_text(f"source: {{file: {tmp}/hosts}}\nhost: box\n")
    run([kvmstate_binary(), "validate", "--root", tmp]).ok()
    config.write_text(f"source: {{fil: {tmp}/hosts}}\nhost: box\n")
    result = run([kvmstate_binary(), "validate", "--root", tmp]).ok(1, 6)
    assert "file" in result.stderr


def test_manifest_of_another_host(tmp):
    (tmp / "a.yaml").write_text("version: 1\nhost: elsewhere\n")
    plan = [kvmstate_binary(), "plan", "-f", tmp / "a.yaml", "--connect", "test:///default"]
    result = run(plan).ok(1)
    assert f"{tmp}/a.yaml:2:7: error: this manifest is for elsewhere" in result.stderr
    assert "--host elsewhere" in result.stderr
    run([*plan, "--host", "elsewhere"]).ok()
    run([*plan, "--host", "nowhere"]).ok(1)


def test_directory_of_hosts(tmp):
    for name in ("one", "two"):
        (tmp / f"{name}.yaml").write_text(f"version: 1\nhost: {name}\n")
    plan = [kvmstate_binary(), "plan", "-f", tmp, "--connect", "test:///default", "--host"]
    assert "two" in run([*plan, "two"]).ok().stdout
    run([*plan, "two.example.org"]).ok()
    assert "one" in run([*plan, "three"]).ok(1).stderr
    assert run([kvmstate_binary(), "validate", "--all", "-f", tmp]).ok().stdout == "2 manifests are valid.\n"


def test_mistyped_target(desired):
    desired.want(guests={"web1": SMALL})
    result = desired.run("plan", "--target", "guest/wbe1").ok(1)
    assert "did you mean 'guest/web1'?" in result.stderr


def test_unreachable_libvirt(tmp):
    (tmp / "a.yaml").write_text("version: 1\nhost: a\n")
    result = run([kvmstate_binary(), "plan", "-f", tmp / "a.yaml", "--host", "a", "--connect",
                  f"qemu+unix:///system?socket={tmp}/none"]).ok(1)
    assert "connect to libvirt" in result.stderr


# ---- what is held ----


def test_held_then_pending_then_allowed(desired, host):
    desired.want(guests={"a": DEAF}).apply()
    before = host.domain("a").ID()
    desired.want(guests={"a": {**DEAF, "max-vcpus": 4, "shutdown": {"timeout": "1s", "then": "destroy"}}})
    desired.run("plan", "--detailed-exitcode").ok(2)
    assert "Plan: 1 to change; 1 held." in desired.run("plan").ok().stdout
    text = desired.apply(status=3).stdout
    assert "Applied: 1 changed; 1 held." in text and "pending since it was started" in text
    desired.run("plan", "--detailed-exitcode").ok(3)
    assert "Nothing to do; pending restart: a." in desired.run("plan").ok().stdout
    assert host.domain("a").ID() == before
    desired.apply("--allow", "restart")
    assert host.domain("a").ID() != before
    desired.settled()


# ---- saved plans ----


def test_saved_plan_does_what_it_shows_and_no_more(desired, host, tmp):
    desired.want(guests={"a": {**SMALL, "title": "planned"}})
    desired.run("plan", "--out", tmp / "plan").ok()
    assert (tmp / "plan").stat().st_mode & 0o777 == 0o600
    desired.want(guests={"a": {**SMALL, "title": "changed afterwards"}, "b": SMALL})
    host.kvmstate("apply", tmp / "plan").ok()
    assert host.guests() == ["a"] and "<title>planned</title>" in host.xml("a")


def test_unrelated_changes_do_not_make_a_plan_stale(desired, host, tmp):
    desired.want(guests={"a": SMALL, "b": SMALL}).apply()
    desired.want(guests={"a": {**SMALL, "title": "new"}, "b": SMALL})
    desired.run("plan", "--out", tmp / "plan").ok()
    host.virsh("setmem", "b", "32M", "--config").ok()
    result = host.kvmstate("apply", tmp / "plan", "--json").ok().json
    assert {r["id"]: r["status"] for r in result["results"]} == {"guest/a": "done", "guest/b": "left"}
    assert "<title>new</title>" in host.xml("a") and "32768</currentMemory>" in host.xml("b")


def test_saved_plan_that_was_applied_is_stale(desired, host, tmp):
    desired.want(guests={"a": SMALL})
    desired.run("plan", "--out", tmp / "plan").ok()
    host.kvmstate("apply", tmp / "plan").ok()
    with host.api_calls() as calls:
        result = host.kvmstate("apply", tmp / "plan").ok(7)
    assert calls.writes == [] and "guest/a: there is nothing to do any more" in result.stderr


def test_consent_is_saved_or_given_later(desired, host, tmp):
    desired.want(guests={"a": SMALL}, defaults={"prune": True}).apply()
    desired.want(guests={})
    desired.run("plan", "--out", tmp / "held").ok()
    host.kvmstate("apply", tmp / "held").ok(3)
    assert host.guests() == ["a"]
    host.kvmstate("apply", tmp / "held", "--allow", "delete").ok()
    assert host.guests() == []


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"file": "kvmstate-plan"}', "version: 1\n"])
def test_what_is_no_saved_plan(host, tmp, text):
    (tmp / "plan").write_text(text)
    assert "is not a saved plan" in host.kvmstate("apply", tmp / "plan").ok(1).stderr


# ---- runs ----


def test_a_failure_does_not_stop_the_rest(desired, host, tmp):
    desired.want(guests={"bad": {**SMALL, "state": "running", "xml": "<devices><hostdev mode='subsystem' "
                                 "type='usb'><source><vendor id='0xdead'/><product id='0xbeef'/></source></hostdev>"
                                 "</devices>"}, "good": SMALL})
    result = desired.run("apply", "--json").ok(4).json
    assert {r["id"]: r["status"] for r in result["results"]} == {"guest/bad": "failed", "guest/good": "done"}
    assert "good" in host.guests()
    assert [e["step"] for e in journal(host) if e["event"] == "failed"] == ["guest/bad"]
    quiet = desired.run("apply", "--quiet").ok(1, 4)
    assert quiet.stdout == "" and "guest bad" in quiet.stderr


def test_the_journal_of_a_run(desired, host):
    desired.want(guests={"a": SMALL}).apply()
    events = [(e["event"], e.get("step")) for e in journal(host)][-5:]
    assert events == [("begin", None), ("started", "guest/a"), ("done", "guest/a"), ("verified", "guest/a"),
                      ("end", None)]


def start_apply(desired, host, *args, **options):
    return subprocess.Popen(host._enter([kvmstate_binary(), "apply", "-f", desired.file, *args]), text=True,
                            start_new_session=True, **options)


def pid_of(process):
    """kvmstate itself, below what enters the host."""
    def find():
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:  # not by its path, which reads otherwise where the tests run in a chroot
                same, status = os.path.samefile(f"/proc/{pid}/exe", kvmstate_binary()), open(f"/proc/{pid}/stat").read()
            except OSError:
                continue
            if same and f" {process.pid} " in status:
                return int(pid)
        return None
    return wait_for("kvmstate runs", find)


def test_an_end_on_request(desired, host):
    guests = {f"g{i}": {**DEAF, "shutdown": {"timeout": "60s", "then": "fail"}} for i in range(6)}
    desired.want(guests=guests).apply()
    desired.want(guests={name: {**g, "state": "stopped"} for name, g in guests.items()})
    with start_apply(desired, host, "--allow", "restart", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        host.wait_for_steps(4)
        os.kill(pid_of(process), signal.SIGINT)
        out, err = process.communicate(timeout=90)
    assert process.returncode == 1, out + err
    assert "stopping: what runs is finished, nothing new is started" in out
    assert re.search(r"Applied: 4 failed, 2 cancelled", out), out
    assert [e["event"] for e in journal(host)][-1] == "end"
    desired.want(guests={name: {**g, "state": "absent", "shutdown": {"timeout": "0s", "then": "destroy"}}
                         for name, g in guests.items()}).apply("--allow", "delete,restart")


def test_the_host_moves_while_it_is_changed(desired, host):
    """What appears between observing and changing, as a killed run's last request does, is planned for anew."""
    deaf = {f"g{i}": DEAF for i in range(4)}
    desired.want(guests=deaf).apply()
    stopped = {name: {**g, "state": "stopped", "shutdown": {"timeout": "4s", "then": "destroy"}}
               for name, g in deaf.items()}
    desired.want(guests={**stopped, "z": {**SMALL, "title": "wanted"}})
    with start_apply(desired, host, "--allow", "restart", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        host.wait_for_steps(4)
        host.conn.defineXML("<domain type='qemu'><name>z</name><memory unit='MiB'>64</memory>"
                            "<os><type machine='q35'>hvm</type></os></domain>")
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    assert "was not there when this was planned" in out and "The host changed meanwhile. Planned again:" in out
    assert "<title>wanted</title>" in host.xml("z")
    desired.settled()


def test_what_somebody_else_did_meanwhile_is_no_failure(desired, host):
    deaf, z = {f"g{i}": DEAF for i in range(4)}, {**SMALL, "title": "wanted"}
    desired.want(guests={**deaf, "z": z}).apply()
    made = host.xml("z")
    host.domain("z").undefine()
    stopped = {**DEAF, "state": "stopped", "shutdown": {"timeout": "4s", "then": "destroy"}}
    desired.want(guests={**{name: stopped for name in deaf}, "z": z})
    with start_apply(desired, host, "--allow", "restart", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        host.wait_for_steps(4)
        host.conn.defineXML(made)
        out, err = process.communicate(timeout=90)
    assert process.returncode == 0, out + err
    assert "was not there when this was planned" in out and "nothing is left to do" in out
    desired.settled()


def test_what_a_killed_run_was_in_is_told_once(desired, host):
    desired.want(guests={"a": SMALL}).apply()
    host.exec("sh", "-c", """echo '{"run":"r","event":"started","step":"guest/a"}' >> /var/lib/kvmstate/journal.jsonl
                             printf '{"run":"r","ev' >> /var/lib/kvmstate/journal.jsonl""").ok()
    assert "an earlier run was interrupted in guest/a" in desired.apply().stderr
    assert "interrupted" not in desired.apply().stderr


def test_colour_and_progress_on_a_terminal(desired, host):
    desired.want(guests={"a": SMALL})
    leader, follower = pty.openpty()
    with start_apply(desired, host, stdout=follower, stderr=follower, env={**os.environ, "TERM": "xterm"}) as process:
        os.close(follower)
        shown = b""
        while True:
            try:
                part = os.read(leader, 4096)
            except OSError:
                break
            if not part:
                break
            shown += part
    os.close(leader)
    assert process.returncode == 0 and b"\x1b[32m+\x1b[0m guest" in shown and b"\x1b[K" in shown
    desired.want(guests={"a": SMALL, "b": SMALL})
    plain = desired.apply().stdout
    assert "\x1b" not in plain and "  done      guest b\n" in plain


def test_reader_that_goes_away(desired, host):
    """`kvmstate apply | head -1` still does all of it."""
    desired.want(guests={f"g{i}": SMALL for i in range(4)})
    with start_apply(desired, host, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        process.stdout.close()
        process.wait(60)
    assert host.guests() == [f"g{i}" for i in range(4)]
