"""A backend that speaks TLS: certificates made by OpenSSL's command, and a server that remembers every byte of a
client's that came through the handshake."""
import contextlib
import hashlib
import pathlib
import socket
import ssl
import subprocess
import threading

from peers import ACCEPTED, Peer, frame


class Identity:
    """A key and a certificate in a folder."""

    def __init__(self, folder, name="nas", issuer=None, names="IP:127.0.0.1", days=30, authority=False):
        folder = pathlib.Path(folder)
        self.key, self.certificate = folder / f"{name}.key", folder / f"{name}.pem"
        usual = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key, "-subj",
                 f"/CN={name}"]
        extensions = "basicConstraints=critical,CA:TRUE" if authority else f"subjectAltName={names}"
        if issuer is None:
            run("req", "-x509", *usual, "-days", days, "-addext", extensions, "-out", self.certificate)
            return
        request, more = folder / f"{name}.csr", folder / f"{name}.ext"
        more.write_text(extensions)
        run("req", "-new", *usual, "-out", request)
        run("x509", "-req", "-in", request, "-CA", issuer.certificate, "-CAkey", issuer.key, "-CAcreateserial",
            "-days", days, "-extfile", more, "-out", self.certificate)

    def pin(self):
        """SHA-256 of SubjectPublicKeyInfo, as OpenSSL's command comes to it."""
        public = run("x509", "-in", self.certificate, "-noout", "-pubkey")
        der = run("pkey", "-pubin", "-outform", "der", given=public)
        return "sha256:" + hashlib.sha256(der).hexdigest()

    def fingerprint(self):
        return run("x509", "-in", self.certificate, "-noout", "-fingerprint", "-sha256").decode().split("=")[1].strip()


def run(*words, given=None):
    done = subprocess.run(["openssl", *map(str, words)], input=given, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Secure:
    """Serves each connection by the path of its requests. `heard`: what came after a handshake, as bytes counted;
    `met`: connections, whatever became of them (probes as well); `asked`: those that a request came through."""

    def __init__(self, identity):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.context, self.changing = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), threading.Lock()
        self.show(identity)
        self.heard, self.met, self.asked, self.requests, self.open = 0, 0, set(), [], []
        threading.Thread(target=self.accept, daemon=True).start()

    def show(self, identity):
        """Another certificate, for connections from now on: never half of it."""
        with self.changing:
            self.context.load_cert_chain(identity.certificate, identity.key)

    def forget(self):
        self.heard, self.met, self.asked, self.requests = 0, 0, set(), []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.drop()

    def drop(self):
        """Ends every connection there is."""
        for connection in self.open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.open = []

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.met += 1
                self.open.append(connection)
                threading.Thread(target=self.serve, args=[connection], daemon=True).start()

    def serve(self, connection):
        with contextlib.suppress(OSError, AssertionError, ValueError), connection:
            with self.changing:
                secured = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            with secured:
                secured.do_handshake()
                self.open.append(secured)
                peer = Peer(secured, timeout=60)
                while peer.buffer or peer.more():
                    self.heard += len(peer.buffer)
                    request = peer.read_request()
                    self.asked.add(secured)
                    self.requests.append(request)
                    if not self.answer(peer, secured, request):
                        return

    def answer(self, peer, secured, request):
        """False: the connection is over."""
        if request.fields["Upgrade"]:
            peer.send(ACCEPTED)
            return self.echo(peer, secured)
        if request.target.startswith("/large"):
            size = int(request.target.rpartition("/")[2])
            peer.send(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n")
            for start in range(0, size, 65536):
                peer.send(b"x" * min(65536, size - start))
            return True
        if request.target in ("/ended", "/cut"):  # a body without a length: only its end tells
            peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nwhole")
            if request.target == "/ended":
                secured.unwrap()
            return False
        body = f"{request.method} {request.target} {len(request.body)} {hashlib.sha256(request.body).hexdigest()}"
        peer.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}")
        return True

    @staticmethod
    def echo(peer, secured):
        """Frames come back without their masks, until a close frame is answered."""
        while True:
            first, size = peer.read(2)
            size &= 127
            if size >= 126:
                size = int.from_bytes(peer.read(2 if size == 126 else 8), "big")
            mask, payload = peer.read(4), peer.read(size)
            stretched = (mask * (size // 4 + 1))[:size]
            plain = (int.from_bytes(payload, "big") ^ int.from_bytes(stretched, "big")).to_bytes(size, "big")
            peer.send(frame(first & 15, plain, bool(first & 128), masked=False))
            if first & 15 == 8:
                secured.unwrap()
                return False
