"""A WebSocket service for many short connections: a bare handshake, then each small frame comes back unmasked.

Options: --port N. A close frame is answered and the connection closed; a text "end" closes it without a word."""
import argparse
import asyncio
import base64
import hashlib

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Session(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.buffer, self.open = transport, b"", False

    def data_received(self, data):
        self.buffer += data
        if not self.open and b"\r\n\r\n" in self.buffer:
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            key = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
            accept = base64.b64encode(hashlib.sha1(key.partition(b":")[2].strip() + GUID).digest())
            self.transport.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                                 b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
            self.open = True
        while self.open and len(self.buffer) >= 2 and len(self.buffer) >= 6 + (self.buffer[1] & 127):
            self.frame()

    def frame(self):
        size = self.buffer[1] & 127
        mask, payload = self.buffer[2:6], self.buffer[6:6 + size]
        payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        if payload == b"end":
            self.transport.close()
        else:
            self.transport.write(bytes([self.buffer[0], size]) + payload)
        if self.buffer[0] == 0x88:
            self.transport.close()
        self.buffer = self.buffer[6 + size:]


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    server = await asyncio.get_running_loop().create_server(Session, "127.0.0.1", parser.parse_args().port, backlog=256)
    await server.serve_forever()


asyncio.run(main())
