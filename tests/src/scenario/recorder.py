"""Answers as told, and remembers what it was asked.

  PUT /_/<scenario>          the answers by path: {"/pay": [{"status": 503}, {"json": {}}]}
  GET /_/<scenario>          the requests received, in order
  ... /<scenario>/<path>     a request: recorded, and answered in turn

Over TLS who shows a certificate is recorded with the name in it, as a header x-client-certificate.
"""
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

LOCK = threading.Lock()
ANSWERS = {}
RECORDS = {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self):
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        scenario, _, path = url.path.lstrip("/").partition("/")
        if scenario == "_":
            return self.control(path, body)
        path = "/" + path
        request = {"path": path, "method": self.command, "query": url.query, "body": body.decode(errors="replace"),
                   "headers": {name.lower(): value for name, value in self.headers.items()} | self.certificate()}
        with LOCK:
            earlier = sum(one["path"] == path for one in RECORDS.setdefault(scenario, []))
            RECORDS[scenario].append(request)
            answers = ANSWERS.get(scenario, {}).get(path) or [{"json": {}}]
        answer = answers[min(earlier, len(answers) - 1)]
        time.sleep(answer.get("delay") or 0)
        self.answer(answer)

    def certificate(self):
        shown = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
        names = dict(field for part in (shown or {}).get("subject", ()) for field in part)
        return {"x-client-certificate": names["commonName"]} if names else {}

    def control(self, scenario, body):
        with LOCK:
            if self.command == "PUT":
                ANSWERS[scenario] = json.loads(body)
            record = RECORDS.get(scenario, [])
            self.answer({"json": record})

    def answer(self, answer):
        headers = dict(answer.get("headers") or {})
        if answer.get("text") is not None:
            body, media_type = answer["text"].encode(), "text/plain; charset=utf-8"
        elif answer.get("bytes") is not None:
            body, media_type = b"x" * answer["bytes"], "text/plain"
        else:
            value = answer.get("json")
            body, media_type = json.dumps({} if value is None else value).encode(), "application/json"
        headers.setdefault("Content-Type", media_type)
        self.send_response(answer.get("status") or 200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = handle_any


def secure():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain("/srv/server.crt", "/srv/server.key")
    tls.load_verify_locations("/srv/ca.crt")
    tls.verify_mode = ssl.CERT_OPTIONAL
    server = ThreadingHTTPServer(("", 8443), Handler)
    # The handshake is made by the thread of its connection.
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


threading.Thread(target=secure, daemon=True).start()
ThreadingHTTPServer(("", 8080), Handler).serve_forever()
