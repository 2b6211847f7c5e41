"""Opens log streams, and requests that wait for the end of a run that never ends. Returns the number of each answer."""
import asyncio, collections, time

HOST = "smb-copilot-api-server.smb-copilot"

async def requests(counts, deadline, kind, path, header, token):
    text = f"GET {path} HTTP/1.1\r\nhost: api\r\nauthorization: Bearer {token}\r\n{header}\r\nconnection: close\r\n\r\n"
    while time.monotonic() < deadline:
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection(HOST, 80), 5)
            writer.write(text.encode())
            status = await asyncio.wait_for(reader.readline(), max(0.1, deadline - time.monotonic()))
            counts[f"{kind} " + (status.decode().split(" ") + ["closed"])[1]] += 1
            await asyncio.wait_for(reader.read(), max(0.1, deadline - time.monotonic()))
            writer.close()
        except asyncio.TimeoutError:
            counts[f"{kind} still open"] += 1
        except OSError as error:
            counts[f"{kind} {type(error).__name__}"] += 1
        await asyncio.sleep(0.2)

async def flood(seconds, parameters):
    counts, deadline = collections.Counter(), time.monotonic() + seconds
    path, token = f"/v1/workflow-runs/{parameters['run']}", parameters["token"]
    streams = [requests(counts, deadline, "stream", f"{path}/logs", "accept: text/event-stream", token)
               for _ in range(parameters["streams"])]
    waits = [requests(counts, deadline, "wait", path, "prefer: wait=50", token) for _ in range(parameters["waits"])]
    await asyncio.gather(*streams, *waits)
    return dict(counts)

def run(input, ctx):
    return asyncio.run(flood(input["seconds"], input["parameters"]))
