# SPDX-License-Identifier: GPL-2.0-or-later
"""Git servers on 127.0.0.1: an sshd with keys of its own, an HTTPS server with a CA of its own, a mute one."""

import base64
import os
import shutil
import socket
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from .run import run, wait_for


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def keygen(path):
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path]).ok()
    return path


SSHD_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {dir}/host_key
PidFile {dir}/sshd.pid
AuthorizedKeysFile {dir}/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
LogLevel ERROR
"""


class SshServer:
    """`key` is let in; `known_hosts` knows the host key."""

    def __init__(self, directory):
        self.dir = Path(directory)
        self.dir.mkdir()
        self.port = free_port()
        self.key = keygen(self.dir / "key")
        self.known_hosts = self.dir / "known_hosts"
        keygen(self.dir / "host_key")
        shutil.copy(self.dir / "key.pub", self.dir / "authorized_keys")
        (self.dir / "sshd_config").write_text(SSHD_CONFIG.format(port=self.port, dir=self.dir))
        self.know(self.dir / "host_key.pub")
        self.start()

    def know(self, public_key):
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {public_key.read_text()}")

    def start(self):
        # sshd wants /run/sshd, which is not there everywhere, and not ours to make.
        self.process = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", "mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && "
             f"exec /usr/sbin/sshd -D -e -f {self.dir}/sshd_config"], stderr=open(self.dir / "log", "wb"))
        wait_for("sshd answers", lambda: answers(self.port), 20)

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def url(self, path):
        return f"ssh://root@127.0.0.1:{self.port}{path}"

    @property
    def env(self):
        return {"KVMSTATE_SSH_KEY": str(self.key), "KVMSTATE_SSH_KNOWN_HOSTS": str(self.known_hosts),
                "SSH_AUTH_SOCK": ""}


class Handler(BaseHTTPRequestHandler):
    """`git http-backend` as a CGI program; `server.password` guards it, `server.redirect` sends elsewhere."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def serve(self):
        body = self.body()
        self.server.seen.append(self.headers.get("Authorization"))
        if self.server.redirect:
            return self.answer(301, [("Location", self.server.redirect + self.path)])
        wanted = self.server.password and "Basic " + base64.b64encode(self.server.password.encode()).decode()
        if wanted and self.headers.get("Authorization") != wanted:
            return self.answer(401, [("WWW-Authenticate", 'Basic realm="git"')])
        path, _, query = self.path.partition("?")
        env = {**os.environ, "GIT_PROJECT_ROOT": str(self.server.root), "GIT_HTTP_EXPORT_ALL": "1",
               "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command,
               "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
               "REMOTE_ADDR": "127.0.0.1"}
        done = subprocess.run(["git", "http-backend"], input=body, env=env, stdout=subprocess.PIPE, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n") if line]
        status = next((int(v.split()[0]) for k, v in headers if k == "Status"), 200)
        return self.answer(status, [(k, v) for k, v in headers if k != "Status"], content)

    do_GET = do_POST = serve


class HttpsServer:
    """Serves the repositories in `root` as https://localhost:PORT/NAME; its CA's certificate is `ca`."""

    def __init__(self, directory, root, name="localhost"):
        self.dir = Path(directory)
        self.dir.mkdir()
        self.ca = self.dir / "ca.pem"
        self._certify(name)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.root, self.server.password, self.server.redirect, self.server.seen = root, None, None, []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.dir / "cert.pem", self.dir / "cert.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _certify(self, name):
        d = self.dir
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=test CA", "-keyout", d / "ca.key", "-out", self.ca]).ok()
        run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
             "-keyout", d / "cert.key", "-out", d / "cert.csr"]).ok()
        (d / "ext").write_text(f"subjectAltName=DNS:{name}\n")
        run(["openssl", "x509", "-req", "-in", d / "cert.csr", "-CA", self.ca, "-CAkey", d / "ca.key", "-days", "2",
             "-CAcreateserial", "-extfile", d / "ext", "-out", d / "cert.pem"]).ok()

    def url(self, name):
        return f"https://localhost:{self.port}/{name}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class MuteServer:
    """Takes connections and never says a word."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def stop(self):
        self.socket.close()
