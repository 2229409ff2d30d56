# SPDX-License-Identifier: GPL-2.0-or-later
"""Manifests from git over ssh and https, from real servers on this machine."""

import os
import shutil
import time
from pathlib import Path

import pytest

from lib.gitserver import HttpsServer, MuteServer, SshServer, keygen
from lib.run import kvmstate_binary, run

READER = Path(kvmstate_binary()).parents[1] / "tests" / "ks-source"
pytestmark = pytest.mark.skipif(not READER.exists(), reason=f"needs the build tree's {READER.name}")
needs_sshd = pytest.mark.skipif(not Path("/usr/sbin/sshd").exists(), reason="sshd is not installed (openssh-server)")
needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")


class Reader:
    """Reads hosts/a.yaml from a URL, with a state directory and a home of its own."""

    def __init__(self, tmp):
        self.state, self.home = tmp / "state", tmp / "home"
        self.home.mkdir()

    def __call__(self, url, *, ref="", env=None, options=()):
        clean = {"HOME": str(self.home), "GIT_CONFIG_GLOBAL": "/dev/null", "KVMSTATE_GIT_TOKEN": "",
                 "KVMSTATE_SSH_KEY": "", "KVMSTATE_SSH_KNOWN_HOSTS": "", "SSH_AUTH_SOCK": ""}
        return run([READER, *options, self.state, url, ref, "hosts/a.yaml"], env={**clean, **(env or {})})

    def refused(self, url, text, **more):
        result = self(url, **more).ok(6)
        assert text in result.stderr, str(result)
        return result.stderr


@pytest.fixture
def reader(tmp):
    return Reader(tmp)


@pytest.fixture
def commit(repo):
    return repo.commit({"hosts/a.yaml": "one\n"}, "first")


@pytest.fixture
def sshd(tmp):
    server = SshServer(tmp / "ssh")
    yield server
    server.stop()


@pytest.fixture
def https(tmp, repo):
    server = HttpsServer(tmp / "https", repo.path.parent)
    yield server
    server.stop()


@needs_sshd
class TestSsh:
    def test_fetches_and_follows(self, reader, repo, commit, sshd):
        got = reader(sshd.url(repo.path), env=sshd.env).ok().json
        assert (got["id"], got["text"], got["ref"], got["cached"]) == (commit, "one\n", "refs/heads/main", False)
        second = repo.commit({"hosts/a.yaml": "two\n"})
        assert reader(sshd.url(repo.path), env=sshd.env).ok().json["text"] == "two\n"
        assert reader(sshd.url(repo.path), ref=commit[:9], env=sshd.env).ok().json["id"] == commit
        assert reader(sshd.url(repo.path), ref="main", env=sshd.env).ok().json["id"] == second

    def test_a_path_that_a_shell_would_read(self, reader, tmp, commit, repo, sshd):
        odd = tmp / "it's a \"repo\"! $(touch x) ; #"
        shutil.copytree(repo.path, odd)
        assert reader(sshd.url(odd), env=sshd.env).ok().json["id"] == commit

    def test_a_key_from_the_agent(self, reader, commit, repo, sshd, tmp):
        socket = tmp / "agent"
        agent = run(["ssh-agent", "-a", socket]).ok()
        pid = agent.stdout.split("SSH_AGENT_PID=")[1].split(";")[0]
        try:
            run(["ssh-add", "-q", sshd.key], env={"SSH_AUTH_SOCK": str(socket)}).ok()
            env = {"SSH_AUTH_SOCK": str(socket), "KVMSTATE_SSH_KNOWN_HOSTS": str(sshd.known_hosts)}
            assert reader(sshd.url(repo.path), env=env).ok().json["id"] == commit
        finally:
            run(["ssh-agent", "-k"], env={"SSH_AGENT_PID": pid, "SSH_AUTH_SOCK": str(socket)})

    def test_an_unknown_host_is_refused(self, reader, repo, commit, sshd):
        sshd.known_hosts.write_text("")
        said = reader.refused(sshd.url(repo.path), "the host key of 127.0.0.1 is not known", env=sshd.env)
        assert "known_hosts" in said
        assert sshd.known_hosts.read_text() == ""

    def test_another_host_key_is_refused_even_offline(self, reader, repo, commit, sshd, tmp):
        reader(sshd.url(repo.path), env=sshd.env).ok()
        sshd.know(keygen(tmp / "other").with_suffix(".pub"))
        reader.refused(sshd.url(repo.path), "is not the one in known_hosts", env=sshd.env, options=["--offline"])

    def test_a_key_that_is_not_let_in(self, reader, repo, commit, sshd, tmp):
        env = {**sshd.env, "KVMSTATE_SSH_KEY": str(keygen(tmp / "stranger"))}
        reader.refused(sshd.url(repo.path), "accepts none of our keys", env=env, options=["--offline"])

    def test_no_such_repository(self, reader, tmp, sshd):
        reader.refused(sshd.url(tmp / "none"), "does not appear to be a git repository", env=sshd.env)

    def test_a_server_that_is_down(self, reader, repo, commit, sshd):
        reader(sshd.url(repo.path), env=sshd.env).ok()
        sshd.stop()
        reader.refused(sshd.url(repo.path), "Connection refused", env=sshd.env)
        got = reader(sshd.url(repo.path), env=sshd.env, options=["--offline"]).ok().json
        assert got["cached"] and "Connection refused" in got["why"] and got["id"] == commit
        sshd.start()
        assert not reader(sshd.url(repo.path), env=sshd.env).ok().json["cached"]


@needs_openssl
class TestHttps:
    def trusted(self, server):
        return {"KVMSTATE_CA_FILE": str(server.ca)}

    def test_fetches_and_follows(self, reader, repo, commit, https):
        url = https.url(repo.path.name)
        assert reader(url, env=self.trusted(https)).ok().json["id"] == commit
        repo.commit({"hosts/a.yaml": "two\n"})
        assert reader(url, env=self.trusted(https)).ok().json["text"] == "two\n"

    def test_an_unknown_ca_is_refused(self, reader, repo, commit, https):
        url = https.url(repo.path.name)
        reader(url, env=self.trusted(https)).ok()
        said = reader.refused(url, "cannot fetch", options=["--offline"])
        assert "certificate" in said

    def test_another_hosts_certificate_is_refused(self, reader, repo, commit, tmp):
        server = HttpsServer(tmp / "other", repo.path.parent, name="elsewhere.example.org")
        try:
            said = reader.refused(server.url(repo.path.name), "cannot fetch", env=self.trusted(server))
            assert "certificate" in said
        finally:
            server.stop()

    def test_a_token(self, reader, repo, commit, https):
        https.server.password = "kvmstate:s3cret"
        env = {**self.trusted(https), "KVMSTATE_GIT_TOKEN": "s3cret"}
        url = https.url(repo.path.name)
        assert reader(url, env=env).ok().json["id"] == commit
        said = reader.refused(url, "wants a user and a password", env={**env, "KVMSTATE_GIT_TOKEN": "wr0ng"},
                              options=["--offline"])
        assert "wr0ng" not in said
        reader.refused(url, "wants a user and a password", env=self.trusted(https))

    def test_netrc_and_url(self, reader, repo, commit, https):
        https.server.password = "deploy:pa55"
        url = https.url(repo.path.name)
        (reader.home / ".netrc").write_text("machine elsewhere login x password y\n"
                                            "machine localhost\n  login deploy\n  password pa55\n")
        assert reader(url, env=self.trusted(https)).ok().json["id"] == commit
        (reader.home / ".netrc").unlink()
        url = url.replace("//", "//deploy:pa55@")
        got = reader(url, env=self.trusted(https)).ok()
        assert got.json["url"] == url.replace(":pa55", "") and "pa55" not in got.stdout + got.stderr
        assert not [p for p in reader.state.rglob("*") if p.is_file() and b"pa55" in p.read_bytes()]

    def test_redirects_do_not_lead_astray(self, reader, repo, commit, https, tmp):
        other = HttpsServer(tmp / "other", repo.path.parent)
        try:
            https.server.redirect = f"http://localhost:{other.port}"
            reader.refused(https.url(repo.path.name), "cannot redirect", env=self.trusted(https))
            https.server.redirect = f"https://127.0.0.1:{other.port}"
            env = {**self.trusted(https), "KVMSTATE_GIT_TOKEN": "s3cret"}
            reader.refused(https.url(repo.path.name), "cannot redirect", env=env)
            assert other.server.seen == []
        finally:
            other.stop()

    def test_a_repository_that_is_gone(self, reader, repo, commit, https):
        url = https.url(repo.path.name)
        reader(url, env=self.trusted(https)).ok()
        repo.path.rename(repo.path.with_name("gone"))
        reader.refused(url, "404", env=self.trusted(https), options=["--offline"])

    def test_a_server_that_is_down(self, reader, repo, commit, https):
        url = https.url(repo.path.name)
        reader(url, env=self.trusted(https)).ok()
        https.stop()
        reader.refused(url, "cannot fetch", env=self.trusted(https))
        got = reader(url, env=self.trusted(https), options=["--offline"]).ok().json
        assert got["cached"] and got["id"] == commit


@pytest.mark.parametrize("url", ["https://localhost:{port}/x", "ssh://root@127.0.0.1:{port}/x"])
def test_a_mute_server_is_given_up(reader, url):
    server = MuteServer()
    try:
        start = time.monotonic()
        reader.refused(url.format(port=server.port), "cannot fetch", options=["--silence", "2"])
        assert time.monotonic() - start < 10
    finally:
        server.stop()


def test_a_killed_run_leaves_no_process(reader, tmp):
    """The child that fetches does not outlive the run that started it."""
    server = MuteServer()
    try:
        import subprocess

        marker = f"KS_MARK={tmp.name}"
        process = subprocess.Popen([READER, reader.state, f"https://localhost:{server.port}/x"],
                                   env={**os.environ, "KS_MARK": tmp.name})

        def alive():
            found = []
            for p in Path("/proc").glob("[0-9]*/environ"):
                try:
                    if marker.encode() in p.read_bytes() and "Z" not in (p.parent / "stat").read_text().split()[2]:
                        found.append(p.parent.name)
                except OSError:
                    pass
            return found

        end = time.monotonic() + 20
        while len(alive()) < 2:
            assert time.monotonic() < end, "the run never forked"
            time.sleep(0.05)
        process.kill()
        process.wait()
        end = time.monotonic() + 5
        while alive():
            assert time.monotonic() < end, f"still there: {alive()}"
            time.sleep(0.05)
    finally:
        server.stop()
