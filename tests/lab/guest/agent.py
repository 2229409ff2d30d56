# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs commands on the other of two lab hosts: `agent.py serve` there, `agent.py run ADDRESS COMMAND...` here.

One connection is one command: a line of JSON each way. The wire is private to the two hosts, so nobody is asked
who they are.
"""
import json
import os
import socket
import socketserver
import subprocess
import sys
import time

PORT = 7777
PATIENCE_S = 120


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        request = json.loads(self.rfile.readline())
        os.makedirs(request["cwd"], exist_ok=True)
        try:
            done = subprocess.run(request["argv"], cwd=request["cwd"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
            answer = {"status": done.returncode, "stdout": done.stdout, "stderr": done.stderr}
        except OSError as error:
            answer = {"status": 127, "stdout": "", "stderr": f"{error}\n"}
        self.wfile.write(json.dumps(answer).encode() + b"\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def connect(address):
    """The other host may still be booting."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            connection = socket.create_connection((address, PORT), timeout=5)
            connection.settimeout(None)
            return connection
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def run(address, argv):
    with connect(address) as connection, connection.makefile("rwb") as stream:
        stream.write(json.dumps({"argv": argv, "cwd": os.getcwd()}).encode() + b"\n")
        stream.flush()
        answer = json.loads(stream.readline())
    sys.stdout.write(answer["stdout"])
    sys.stderr.write(answer["stderr"])
    return answer["status"] if answer["status"] >= 0 else 128 - answer["status"]


def main():
    if sys.argv[1] == "serve":
        Server(("", PORT), Handler).serve_forever()
    else:
        sys.exit(run(sys.argv[2], sys.argv[3:]))


main()
