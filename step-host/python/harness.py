"""The warm Python interpreter of a host: forks a child for each step.

Started by step-host with a SOCK_SEQPACKET socket as standard input. Each message on it carries three
descriptors: the step's channel, its standard output and its standard error. The child is forked twice, so
that step-host, which collects orphans, is its parent and sees how it ends. A step's code and input travel
over its own channel: this process never sees them, and no step finds anything of another.

On a channel, messages are 4 bytes of length, big endian, and one JSON object with one key. The child sends
`hello` with its pid, waits for the start message, and then sends `progress` any number of times and at most
one of `result`, `exception`, `badOutput`. An end without one of these is told by the exit status alone.
"""

import gc
import importlib
import json
import linecache
import logging
import os
import signal
import socket
import struct
import sys
import threading
import traceback
import types

# What most steps import. A module that is loaded here costs a step nothing.
import base64, collections, csv, dataclasses, datetime, decimal, enum, fractions, functools  # noqa: E401, F401
import hashlib, hmac, html, io, itertools, math, random, re, statistics, string, textwrap  # noqa: E401, F401
import time, typing, unicodedata, urllib.parse, uuid, zoneinfo  # noqa: E401, F401

STEP_FILE = "step.py"
SENDING = threading.Lock()  # threads of a step may report progress at the same time
MAX_OUTPUT_BYTES = 16 * 1024 * 1024 - 1024  # a frame has 16 MiB; the rest is what step-host wraps around it
# A run's status has room for 64 steps that failed; the step's log has the whole text.
MAX_MESSAGE_CHARS = 2 * 1024
MAX_TRACEBACK_CHARS = 4 * 1024


def preload(names):
    """Imports what the workflow's steps name. What fails here fails again, with its message, in the step."""
    for name in filter(None, names.split(",")):
        try:
            importlib.import_module(name)
        except Exception as error:
            print(f"failed to preload {name}: {error!r}", file=sys.stderr)


def serve(control):
    gc.collect()
    gc.freeze()  # the shared pages of this process stay shared in the children
    control.send(b"ready")
    while True:
        message, fds, _, _ = socket.recv_fds(control, 16, 3)
        if not message:
            return
        try:
            fork_step(control, *fds)
        finally:
            for fd in fds:
                os.close(fd)


def fork_step(control, channel, stdout, stderr):
    try:
        middle = os.fork()
        if middle == 0:
            middle_child(control, channel, stdout, stderr)
        _, status = os.waitpid(middle, 0)
        if status != 0:
            raise OSError(f"the intermediate process ended with status {status}")
    except OSError as error:
        with socket.socket(fileno=os.dup(channel)) as failed:
            send(failed, {"failed": f"failed to fork: {error}"})


def middle_child(control, channel, stdout, stderr):
    try:
        if os.fork() != 0:
            os._exit(0)
    except OSError as error:
        os._exit(error.errno or 1)
    try:
        control.close()
        run_step(socket.socket(fileno=channel), stdout, stderr)
    finally:
        os._exit(1)


def run_step(channel, stdout, stderr):
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (stdout, 1), (stderr, 2)):
        os.dup2(source, target)
        os.close(source)
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    pid = os.getpid()
    send(channel, {"hello": pid})
    start = receive(channel)
    os.environ.clear()
    os.environ.update(start["env"])
    os.chdir(start["workDir"])
    code = 0
    try:
        report = {"result": call(start, Context(channel, start))}
        encoded = encode(report)
    except SystemExit as leave:
        encoded, code = None, exit_code(leave.code)
    except Unrepresentable as error:
        encoded = encode({"badOutput": str(error)})
    except BaseException as error:
        described = describe(error)
        print_safely(described["traceback"] or described["message"])
        described["message"] = shortened(described["message"])
        described["traceback"] = tail(described["traceback"])
        encoded, code = encode({"exception": described}), 1
    if os.getpid() != pid:
        os._exit(code)  # a fork of the step that came back from `run`: it has no say
    flush()
    if encoded is not None:
        send_encoded(channel, encoded)
    os._exit(code)  # without waiting for threads or exit handlers that the step left


def call(start, context):
    code = start["code"]
    linecache.cache[STEP_FILE] = (len(code), None, code.splitlines(True), STEP_FILE)
    module = types.ModuleType("step")
    module.__file__ = STEP_FILE
    sys.modules["step"] = module
    exec(compile(code, STEP_FILE, "exec", dont_inherit=True), module.__dict__)
    run = getattr(module, "run", None)
    if not callable(run):
        raise NameError("the code defines no function run(input, ctx)")
    return run(start["input"], context)


class Context:
    """What a step is given beside its input."""

    def __init__(self, channel, start):
        meta = start["meta"]
        self._channel = channel
        self.attempt = meta["attempt"]
        self.idempotency_key = meta["idempotencyKey"]
        self.secrets = {name: types.MappingProxyType(values) for name, values in start["secrets"].items()}
        self.log = Log("step")

    def progress(self, fraction, message=""):
        """Says how far the step is: `fraction` from 0 to 1."""
        fraction = min(max(float(fraction), 0.0), 1.0)
        send(self._channel, {"progress": {"fraction": fraction, "message": shortened(printable(str(message)))}})


class Log(logging.Logger):
    """A logger of the standard library that can be called as well: `ctx.log("…")`."""

    def __init__(self, name):
        super().__init__(name)
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        self.addHandler(handler)

    def __call__(self, message, *args):
        self.info(message, *args)


class Unrepresentable(Exception):
    """The return value is no JSON value, or too large a one."""


def encode(message):
    try:
        text = json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        body = text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Unrepresentable(f"the return value is not JSON: {error}") from None
    if len(body) > MAX_OUTPUT_BYTES:
        raise Unrepresentable(f"the return value has {len(body)} bytes; at most {MAX_OUTPUT_BYTES} are allowed")
    return struct.pack(">I", len(body)) + body


def send(channel, message):
    send_encoded(channel, encode(message))


def send_encoded(channel, frame):
    with SENDING:
        channel.sendall(frame)


def receive(channel):
    (length,) = struct.unpack(">I", receive_exactly(channel, 4))
    return json.loads(receive_exactly(channel, length))


def receive_exactly(channel, length):
    data = bytearray()
    while len(data) < length:
        piece = channel.recv(min(length - len(data), 1 << 20))
        if not piece:
            os._exit(1)  # step-host gave the step up before it began
        data += piece
    return bytes(data)


def describe(error):
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    user = error.__traceback__
    while user is not None and user.tb_frame.f_code.co_filename != STEP_FILE:
        user = user.tb_next
    try:
        message = str(error)
        lines = "".join(traceback.format_exception(kind, error, user))
    except Exception:
        message, lines = f"<{name} whose text cannot be had>", ""
    return {
        "type": shortened(printable(name)),
        "message": printable(message),
        "traceback": printable(lines),
    }


def printable(text):
    return text.encode("utf-8", "backslashreplace").decode()


def shortened(text):
    limit = MAX_MESSAGE_CHARS
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters; the step's log has all)"


def tail(text):
    limit = MAX_TRACEBACK_CHARS
    return text if len(text) <= limit else f"({len(text)} characters; the step's log has all) …{text[-limit:]}"


def print_safely(text):
    try:
        print(text, file=sys.stderr)
    except (OSError, ValueError, AttributeError):
        pass  # the step closed or replaced it


def exit_code(code):
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass  # the step closed or replaced it


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])  # step-host blocks what it reads, and a spawn inherits that
    preload(sys.argv[1] if len(sys.argv) > 1 else "")
    try:
        serve(socket.socket(fileno=os.dup(0)))
    except ConnectionError:
        pass  # step-host is gone
