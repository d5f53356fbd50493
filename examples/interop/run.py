"""Starts the servers, runs the peers against them and counts their checks; called by run.sh.

Every program prints `ok NAME` or `FAILED NAME: reason` for each check and exits 0 or 1. One that
ends otherwise, is too slow, or checks nothing counts as a failed check itself.
"""

import functools
import http.server
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORK = Path(sys.argv[1]).resolve()
OURS = Path(os.environ["INTEROP_EXAMPLES"]).resolve()
PYTHON = str(WORK / "venv/bin/python")
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"  # Debian keeps it where only root looks
TLS = WORK / "tls"
LOGS = WORK / "logs"
START_LIMIT, RUN_LIMIT, WHOLE_LIMIT = 20, 180, 900  # seconds

passed = failed = 0


def ok(name):
    global passed
    passed += 1
    print(f"ok      {name}", flush=True)


def fail(name):
    global failed
    failed += 1
    print(f"FAILED  {name}", flush=True)


def start(argv, log, **env):
    return subprocess.Popen(
        [str(a) for a in argv], env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL,
        text=True, encoding="utf-8", errors="replace", start_new_session=True,
    )


def end(process):
    """Ends a program and what it started: first politely, so that a browser is closed too."""
    for signum in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, signum)
            process.wait(5)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass
    process.wait()


def run(title, *argv, **env):
    """Runs a program to its end and counts its checks; `env` is added to its environment."""
    log_path = LOGS / f"{title.replace(' ', '-').replace('/', '-')}.log"
    before, too_slow = (passed, failed), threading.Event()
    with open(log_path, "w") as log:
        try:
            process = start(argv, log, **env)
        except OSError as error:
            return fail(f"{title}: {error}")

        def stop():
            too_slow.set()
            end(process)

        timer = threading.Timer(RUN_LIMIT, stop)
        timer.start()
        try:
            for line in process.stdout:
                verdict, _, rest = line.rstrip("\n").partition(" ")
                if verdict == "ok":
                    ok(f"{title}: {rest}")
                elif verdict == "FAILED":
                    fail(f"{title}: {rest}")
                else:
                    log.write(line)
            code = process.wait()
        finally:
            timer.cancel()
            end(process)
    new_failed = failed - before[1]
    if too_slow.is_set():
        fail(f"{title}: not done within {RUN_LIMIT} s")
    elif code != (1 if new_failed else 0):
        fail(f"{title}: exit code {code}, {new_failed} checks failed")
    elif (passed, failed) == before:
        fail(f"{title}: it checked nothing")
    if failed > before[1]:
        print_tail(log_path)


def print_tail(path):
    for line in path.read_text(errors="replace").splitlines()[-15:]:
        print(f"        | {line}", flush=True)


class Server:
    """A server that runs while the `with` block does; `url` and `ca` are what it printed."""

    def __init__(self, title, *argv):
        self.title, self.argv, self.lines = title, argv, []
        self.changed = threading.Condition()

    def __enter__(self):
        self.log_path = LOGS / f"{self.title.replace(' ', '-')}.server.log"
        self.log = open(self.log_path, "w")
        try:
            self.process = start(self.argv, self.log)
        except OSError as error:
            self.log.close()
            raise NotStarted(f"{self.title}: {error}") from error
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        if not self.printed("listening on ", START_LIMIT):
            self.stop()
            print_tail(self.log_path)
            raise NotStarted(f"{self.title}: it does not listen")
        self.url = self.after("listening on ")
        self.ca = self.after("certificate: ")
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            ok(f"{self.title}: still running at the end")
        else:
            fail(f"{self.title}: it ended by itself with {self.process.returncode}")
            print_tail(self.log_path)
        self.stop()

    def stop(self):
        end(self.process)
        self.reader.join(5)
        self.log.close()

    def read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def after(self, start):
        return next((line[len(start):] for line in self.lines if line.startswith(start)), None)

    def printed(self, start, seconds=5):
        """Whether a line that starts so is printed in time."""
        until = time.monotonic() + seconds
        with self.changed:
            while self.after(start) is None:
                left = until - time.monotonic()
                if left <= 0 or self.process.poll() is not None and not self.reader.is_alive():
                    return False
                self.changed.wait(min(left, 0.5))
        return True

    def expect_printed(self, line, name):
        (ok if self.printed(line) else fail)(f"{self.title}: {name}")


class NotStarted(Exception):
    pass


def check_our_echo_server():
    for runtime in ("tokio", "async_std"):
        program = f"interop_echo_{runtime}"
        for scheme, flags in (("ws", []), ("wss", ["--tls"])):
            with Server(f"{program} {scheme}", OURS / program, "127.0.0.1:0", *flags) as server:
                ca = ["--ca", server.ca] if server.ca else []
                against = f"our server on {runtime}, {scheme}"
                run(f"node client, {against}", "node", HERE / "peers/node_client.mjs", server.url, *ca)
                run(f"Python client, {against}", PYTHON, HERE / "peers/py_client.py", server.url, *ca)


def check_our_client():
    for runtime in ("tokio", "async_std"):
        program = f"interop_client_{runtime}"
        for peer, argv in (("node", ["node", HERE / "peers/node_server.mjs"]), ("Python", [PYTHON, HERE / "peers/py_server.py"])):
            for scheme in ("ws", "wss"):
                tls = ["--tls", TLS / "server.pem", TLS / "server.key"] if scheme == "wss" else []
                ca = ["--ca", TLS / "ca.pem"] if tls else []
                with Server(f"{peer} server {scheme} for {runtime}", *argv, "127.0.0.1:0", *tls) as server:
                    title = f"our client on {runtime}, {peer} server, {scheme}"
                    run(title, OURS / program, server.url, *ca)
                    server.expect_printed("pong ok", "our client answered its ping")
                    server.expect_printed("closed 4001 ", "our client closed with 4001")
                    run(f"{title}, closed by the server", OURS / program, server.url, *ca, "--expect-close", "4002", "as you wish")
                    server.expect_printed("closed 4002 as you wish", "our client answered its close frame")


def spec(bits, takeover=(True, True), *more):
    """What both sides agree on (README.md). The threshold is now 0, now 64, to try both."""
    given = [f"server_bits={bits}", f"client_bits={bits}", f"threshold={64 * ((bits + takeover[0]) % 2)}", *more]
    return ",".join(given + [f"{side}_no_takeover" for side, kept in zip(("server", "client"), takeover) if not kept])


BOTH, NEITHER = (True, True), (False, False)
MATRIX = [spec(bits, takeover) for bits in range(9, 16) for takeover in (BOTH, NEITHER)]
MIXED = [spec(bits, takeover) for bits in (10, 15) for takeover in ((True, False), (False, True))]
# What wskit does on its own side, whatever is agreed on.
WAYS = [spec(bits, BOTH, *way) for bits in (9, 12, 15) for way in (["dedicated"], ["history=32768", "level=6"], ["history=0", "dedicated", "level=9"])]
BROWSER = MATRIX + [spec(bits, BOTH, "dedicated") for bits in (9, 12, 15)]


def own(agreed):
    """The part of a SPEC that is not negotiated."""
    return ",".join(part for part in agreed.split(",") if part.split("=")[0] in ("threshold", "history", "level", "dedicated"))


def check_deflate():
    check_our_server_deflates()
    check_our_client_deflates()


def check_our_server_deflates():
    cells = []  # URL, what the client asks for, what has to be agreed on
    with ExitStack() as servers:

        def serve(config):
            title = f"interop_echo_tokio --deflate={config}"
            return servers.enter_context(Server(title, OURS / "interop_echo_tokio", "127.0.0.1:0", f"--deflate={config}")).url

        urls = {agreed: serve(agreed) for agreed in MATRIX + MIXED + WAYS}
        cells += [[urls[agreed], own(agreed), agreed] for agreed in MATRIX + MIXED + WAYS]
        asked = {threshold: serve(f"client_bits=15,threshold={threshold}") for threshold in (0, 64)}
        cells += [[asked[64 if "threshold=64" in agreed else 0], agreed, agreed] for agreed in MATRIX + MIXED]
        argv = [part for cell in cells for part in cell]
        run("deflate, node client, our server", "node", HERE / "peers/node_deflate_client.mjs", *argv)
        run("deflate, Python client, our server", PYTHON, HERE / "peers/py_deflate_client.py", *argv)
        run("deflate, Chromium, our server", "node", HERE / "browser/deflate.mjs", *(part for agreed in BROWSER for part in (urls[agreed], agreed)))


def check_our_client_deflates():
    for peer, argv in (("node", ["node", HERE / "peers/node_server.mjs"]), ("Python", [PYTHON, HERE / "peers/py_server.py"])):

        def check(asks, agreed):
            title = f"deflate, our client, {peer} server, {'asked' if asks == agreed else 'told'} {agreed}"
            run(title, OURS / "interop_client_tokio", server.url, f"--deflate={asks}", "--expect-deflate", agreed)

        for agreed in MATRIX + MIXED:
            with Server(f"{peer} server --deflate={agreed}", *argv, "127.0.0.1:0", f"--deflate={agreed}") as server:
                check(own(agreed), agreed)
        for threshold in (0, 64):
            config = f"threshold={threshold}"
            with Server(f"{peer} server --deflate={config}", *argv, "127.0.0.1:0", f"--deflate={config}") as server:
                for agreed in MATRIX + MIXED + WAYS:
                    if config in agreed.split(","):
                        check(agreed, agreed)


def check_chat():
    with Server("chat", OURS / "chat", "127.0.0.1:0") as server:
        run("chat page", "node", HERE / "browser/chat.mjs", server.url, PYTHON)


def check_live_feed():
    with Server("live-feed", OURS / "live_feed", "127.0.0.1:0") as server:
        run("live-feed page", "node", HERE / "browser/live_feed.mjs", server.url)


def check_arena():
    with Server("arena", OURS / "arena", "127.0.0.1:0", "--bots", "4") as server:
        run("arena page", "node", HERE / "browser/arena.mjs", server.url)


def check_chat_on_async_std():
    with Server("chat-async-std", OURS / "chat_async_std", "127.0.0.1:0") as server:
        run("chat page, async-std", "node", HERE / "browser/chat.mjs", server.url, PYTHON, "chat-async-std")


def check_outage():
    with Server("chat, outage", OURS / "chat", "127.0.0.1:0") as server:
        run("network gone for ten seconds", "node", HERE / "browser/outage.mjs", server.url, PYTHON)


def check_pages_by_tls():
    with Server("chat wss", OURS / "chat", "127.0.0.1:0", "--tls") as server:
        trust = {"INTEROP_TRUST": server.ca, "NODE_EXTRA_CA_CERTS": server.ca, "SSL_CERT_FILE": server.ca}
        run("chat page by https", "node", HERE / "browser/chat.mjs", server.url, PYTHON, "chat-tls", **trust)
        run("chat page by https", "node", HERE / "browser/untrusted.mjs", server.url)
    with Server("live-feed wss", OURS / "live_feed", "127.0.0.1:0", "--tls") as server:
        run("live-feed page by https", "node", HERE / "browser/live_feed.mjs", server.url, "live-feed-tls", INTEROP_TRUST=server.ca)


def check_origin():
    pages = functools.partial(QuietPages, directory=str(HERE.parent / "chat"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), pages) as elsewhere:
        threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
        origin = f"http://127.0.0.1:{elsewhere.server_address[1]}"
        for flags, expected in (([], "refused"), ([f"--origin={origin}"], "accepted")):
            with Server(f"chat, origin {expected}", OURS / "chat", "127.0.0.1:0", *flags) as server:
                run(f"origin {expected}", "node", HERE / "browser/origin.mjs", server.url, origin, expected)
        elsewhere.shutdown()


def check_accept():
    """A server that runs out of file descriptors goes on, and serves again when others have gone."""
    for runtime in ("tokio", "async_std", "smol"):
        limited = ["sh", "-c", 'ulimit -n 40 && exec "$@"', "sh", OURS / f"interop_echo_{runtime}", "127.0.0.1:0"]
        with Server(f"interop_echo_{runtime} with 40 descriptors", *limited) as server:
            run(f"60 clients, {server.title}", "node", HERE / "peers/node_many.mjs", server.url, 60, server.log_path)


def check_nginx():
    with Server("chat behind nginx", OURS / "chat", "127.0.0.1:0") as server, Nginx(server.url) as proxy:
        run("nginx by the guide’s recipe", "node", HERE / "browser/proxied.mjs", proxy.url)


def check_together():
    with tempfile.TemporaryDirectory() as folder:
        with Server("together", OURS / "together", "127.0.0.1:0", f"--rooms={folder}") as server:
            run("yjs and yrs", "node", HERE / "peers/yjs_rounds.mjs", server.url, os.environ.get("INTEROP_ROUNDS", "500"))
    run("together", "node", HERE / "browser/together.mjs", OURS / "together")


def check_centrifuge():
    """The clients of Centrifugo's protocol, each in both of its formats."""
    program = "interop_centrifuge_server"
    for wire in ("json", "protobuf"):
        # The last check of centrifuge-js shuts it down.
        with Server(f"{program} {wire}", OURS / program, "127.0.0.1:0") as server:
            run(f"centrifuge-client, {wire}", OURS / "interop_centrifuge_client", server.url, wire)
            run(f"centrifuge-python, {wire}", PYTHON, HERE / "peers/py_centrifuge.py", server.url, wire)
            run(f"centrifuge-js, {wire}", "node", HERE / "peers/centrifuge.mjs", server.url, wire, "--shutdown")


def check_cluster():
    for engine in ("nats", "redis"):
        run(f"chat as three processes on {engine}", "node", HERE / "browser/chat_cluster.mjs", OURS / "chat", engine)


class Nginx:
    """nginx with the recipe of the guide's page, word for word, on a port that no URL leaves out."""

    def __init__(self, backend):
        self.backend = backend.replace("ws://", "http://")

    def __enter__(self):
        page = (HERE.parents[1] / "crates/wskit/guide/serve.md").read_text()
        [recipe] = re.findall(r"^```nginx\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = free.getsockname()
        self.url = f"http://127.0.0.1:{self.address[1]}"
        prefix = WORK / "nginx"
        prefix.mkdir(exist_ok=True)
        temporary = "".join(f"{kind}_temp_path {kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (prefix / "nginx.conf").write_text(
            f"daemon off; pid nginx.pid; error_log stderr; events {{}}\n"
            f"http {{ access_log off; {temporary}\n"
            f"server {{ listen 127.0.0.1:{self.address[1]}; location / {{ proxy_pass {self.backend};\n{recipe}}}}}}}\n"
        )
        self.log_path = LOGS / "nginx.log"
        with open(self.log_path, "w") as log:
            try:
                self.process = start([NGINX, "-e", "stderr", "-p", prefix, "-c", "nginx.conf"], log)
            except OSError as error:
                raise NotStarted(f"nginx: {error}") from error
        until = time.monotonic() + START_LIMIT
        while self.process.poll() is None and time.monotonic() < until:
            try:
                socket.create_connection(self.address).close()
                return self
            except OSError:
                time.sleep(0.05)
        end(self.process)
        print_tail(self.log_path)
        raise NotStarted("nginx: it does not listen")

    def __exit__(self, *_):
        end(self.process)


class QuietPages(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


CHECKS = {"echo": check_our_echo_server, "client": check_our_client, "chat": check_chat, "live-feed": check_live_feed, "arena": check_arena,
          "chat-async-std": check_chat_on_async_std, "outage": check_outage, "browser-tls": check_pages_by_tls, "origin": check_origin, "accept": check_accept, "nginx": check_nginx, "deflate": check_deflate,
          "together": check_together, "centrifuge": check_centrifuge, "cluster": check_cluster}
PARTS = sys.argv[2:] or list(CHECKS)


def main():
    def give_up(signum, _):
        raise SystemExit(f"stopped by {signal.Signals(signum).name}")

    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(signum, give_up)
    signal.alarm(WHOLE_LIMIT)
    LOGS.mkdir(parents=True, exist_ok=True)
    try:
        for part in PARTS:
            try:
                CHECKS[part]()
            except NotStarted as error:
                fail(str(error))
    except SystemExit as stopped:
        fail(str(stopped))
    print(f"{passed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed or not passed else 0)


main()
