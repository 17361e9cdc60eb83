"""TLS in front of a plain HTTP server: tls_terminator.py --listen PORT --to PORT --certificate FILE --key FILE.

One request per connection: its head gets X-Forwarded-For and X-Forwarded-Proto, then bytes go both ways, so WebSockets
and event streams pass."""
import argparse
import asyncio
import contextlib
import ssl

NOT_PASSED = (b"connection", b"x-forwarded-for", b"x-forwarded-proto", b"forwarded")


def forwarded(head, client):
    """The head for the server: it closes after its answer, unless the connection becomes a WebSocket."""
    first, *lines = head.rstrip(b"\r\n").split(b"\r\n")
    upgrade = any(line.lower().startswith(b"upgrade:") for line in lines)
    lines = [line for line in lines if line.split(b":")[0].lower() not in NOT_PASSED]
    lines += [b"Connection: " + (b"Upgrade" if upgrade else b"close"), b"X-Forwarded-Proto: https",
              b"X-Forwarded-For: " + client.encode()]
    return b"\r\n".join([first, *lines, b"", b""])


async def pump(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


async def serve(reader, writer, port):
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        head = await reader.readuntil(b"\r\n\r\n")
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
        server_writer.write(forwarded(head, writer.get_extra_info("peername")[0]))
        pumps = [asyncio.create_task(pump(reader, server_writer)), asyncio.create_task(pump(server_reader, writer))]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for task in pumps:
            task.cancel()
        server_writer.close()
    writer.close()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", type=int, required=True)
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--key", required=True)
    options = parser.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.certificate, options.key)
    server = await asyncio.start_server(lambda reader, writer: serve(reader, writer, options.to), "127.0.0.1",
                                        options.listen, ssl=context)
    async with server:
        await server.serve_forever()


asyncio.run(main())
