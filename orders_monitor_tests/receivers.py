"""Hand-written receivers on this machine's loopback: a webhook's server and an SMTP server, well or ill as told."""

import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

OK = "200 OK"


@dataclass
class Hook:
    """What a webhook's server was posted. `answer` is its status line, or `hang` (no answer) or `drip` (a slow one)."""

    url: str = ""
    answer: str = OK
    body: bytes = b"ok"
    posted: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def webhook(context: ssl.SSLContext | None = None) -> Iterator[Hook]:  # noqa: C901 - a server and all its ills
    """A real HTTP server that keeps what it is posted."""
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.asked.append(self.path)
            if hook.answer == "hang":
                hook.over.wait(10)
                return
            if hook.answer == "drip":
                self.wfile.write(b"HTTP/1.1 ")
                while not hook.over.wait(0.05):
                    self.wfile.write(b"2")
                return
            code, _, reason = hook.answer.partition(" ")
            if hook.answer == OK:
                hook.posted.append(json.loads(body))
                hook.ids.append(self.headers["Idempotency-Key"])
            self.send_response(int(code), reason)
            if code.startswith("3"):
                self.send_header("Location", hook.url.replace("/services", "/elsewhere"))
            self.send_header("Content-Length", str(len(hook.body)))
            self.end_headers()
            self.wfile.write(hook.body)

        def log_message(self, *_: Any) -> None:
            """Nothing is printed."""

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                return  # the other side went away, as some tests want

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "http" if context is None else "https"
    hook.url = f"{scheme}://127.0.0.1:{server.server_address[1]}/services/T0/B0/a-secret"
    with _serving(server, hook.over.set):
        yield hook


@dataclass
class Post:
    """What an SMTP server took. `ill` is the command that it answers with `code` (or with nothing: it hangs up)."""

    port: int = 0
    ill: str = ""
    code: str = "550 no"
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


@contextmanager
def smtp(context: ssl.SSLContext | None = None) -> Iterator[Post]:  # noqa: C901 - a server and all its ills
    """A real SMTP server, with STARTTLS where it has a certificate."""
    post = Post()

    class Handler(socketserver.StreamRequestHandler):
        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

        def handle(self) -> None:
            try:
                self._talk()
            except OSError:
                return
            finally:
                if isinstance(self.request, ssl.SSLSocket):
                    self.rfile.close()
                    self.wfile.close()
                    self.request.close()

        def finish(self) -> None:
            if not self.rfile.closed:
                super().finish()

        def _talk(self) -> None:
            self.say("220 here")
            while line := self.rfile.readline():
                text = line.decode().strip()
                verb = text.partition(" ")[0].upper()
                post.said.append(text)
                if post.ill == verb:
                    if not post.code:
                        return
                    self.say(post.code)
                elif verb == "EHLO":
                    tls = [] if context is None or isinstance(self.request, ssl.SSLSocket) else ["STARTTLS"]
                    names = ["here", *tls, "AUTH PLAIN", "SMTPUTF8", "8BITMIME"]
                    for name in names[:-1]:
                        self.say(f"250-{name}")
                    self.say(f"250 {names[-1]}")
                elif verb == "STARTTLS" and context is not None:
                    self.say("220 go on")
                    self.request = context.wrap_socket(self.request, server_side=True)
                    self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", 0)
                elif verb == "RCPT":
                    post.recipients.append(text)
                    self.say("250 ok")
                elif verb == "DATA":
                    self.say("354 go on")
                    self._take()
                elif verb == "AUTH":
                    self.say("235 welcome")
                else:
                    self.say("221 bye" if verb == "QUIT" else "250 ok")

        def _take(self) -> None:
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            if post.ill == "TAKEN":
                if post.code:
                    self.say(post.code)
                else:
                    self.request.shutdown(socket.SHUT_RDWR)
                return
            post.mails.append(message_from_bytes(b"".join(lines), policy=policy.default))  # type: ignore[arg-type]  # a stub's narrower idea of it
            self.say("250 taken")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, *_: Any) -> None:
            """A client that went away is not printed."""

    server = Server(("127.0.0.1", 0), Handler)
    post.port = server.server_address[1]
    with _serving(server, lambda: None):
        yield post


@contextmanager
def _serving(server: socketserver.BaseServer, stop: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop()
        server.shutdown()
        server.server_close()
        thread.join()


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's TLS with a certificate of its own for 127.0.0.1, and a client's that trusts that one."""
    from ipaddress import ip_address  # noqa: PLC0415 - the libraries of this one test

    from cryptography import x509  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - as above

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "here")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cafile=str(pem))
