"""A service whose streams do as they are told: /ws is a WebSocket, /stream an event stream. --port N.

POST /mood with a word: `fine` (streams that go on), `full` (503, Retry-After: 2), `mute` (opens and ends at once without a
word), `gone` (404), `code NUMBER` (a WebSocket that says one thing and is closed so, a stream that ends). GET /attempts:
[[path, time], ...] of all streams that were asked for, newest last."""
import argparse
import base64
import hashlib
import http.server
import json
import struct
import threading
import time

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Moody(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    mood = "fine"
    attempts, lines, lock = [], [], threading.Lock()

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        Moody.mood = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.answer(204)

    def do_GET(self):
        if self.path == "/attempts":
            self.answer(200, json.dumps(self.attempts).encode(), Content_Type="application/json")
            return
        upgrade = "Upgrade" in self.headers
        with self.lock:
            self.attempts.append([self.path if upgrade or self.path != "/ws" else "probe", time.time()])
        if self.mood == "full":
            self.answer(503, Retry_After="2")
        elif self.mood == "gone":
            self.answer(404)
        elif upgrade:
            self.socket()
        elif self.path == "/ws":
            self.answer(426)
        else:
            self.stream()

    def frame(self, opcode, payload):
        self.wfile.write(bytes([0x80 | opcode, len(payload)]) + payload)

    def socket(self):
        self.close_connection = True
        accept = base64.b64encode(hashlib.sha1((self.headers["Sec-WebSocket-Key"] + GUID).encode()).digest()).decode()
        self.send_response(101)
        for name, value in (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)):
            self.send_header(name, value)
        self.end_headers()
        word, _, code = self.mood.partition(" ")
        if word != "mute":
            self.frame(1, b"hello")
        if word != "fine":
            self.frame(8, struct.pack(">H", int(code or 1011)))
            self.rfile.read(8)  # the other side's close frame
        while word == "fine" and self.rfile.read(1):
            pass

    def stream(self):
        """Lines that count on from the last that the client has."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        number = int(self.headers.get("Last-Event-ID") or 0)
        while self.mood != "mute":
            number += 1
            self.wfile.write(f": beat\r\nid: {number}\r\ndata: {number}\r\ndata:x\r\n\r\n".encode())
            if self.mood != "fine":
                return
            time.sleep(0.1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), Moody)
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main()
