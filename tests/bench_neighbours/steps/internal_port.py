"""Sends requests with different invalid tokens to the port for runners. Returns the number of each status."""
import asyncio, collections, time, uuid

HOST = "smb-copilot-api-server.smb-copilot"

async def worker(counts, deadline):
    while time.monotonic() < deadline:
        text = (f"GET /internal/v1/runs/{uuid.uuid4()}/outputs HTTP/1.1\r\nhost: api\r\n"
                f"authorization: Bearer {uuid.uuid4()}\r\nconnection: close\r\n\r\n")
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection(HOST, 8081), 5)
            writer.write(text.encode())
            status = await asyncio.wait_for(reader.readline(), 10)
            counts["HTTP " + (status.decode().split(" ") + ["closed"])[1]] += 1
            writer.close()
        except (OSError, asyncio.TimeoutError) as error:
            counts["connection " + type(error).__name__] += 1
        await asyncio.sleep(0.1)

async def flood(seconds, parameters):
    counts, deadline = collections.Counter(), time.monotonic() + seconds
    await asyncio.gather(*(worker(counts, deadline) for _ in range(parameters["workers"])))
    return dict(counts)

def run(input, ctx):
    return asyncio.run(flood(input["seconds"], input["parameters"]))
