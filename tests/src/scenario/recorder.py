"""HTTP server that returns configured responses and records the requests that it receives.

  PUT /_/<scenario>          configures responses by path: {"/pay": [{"status": 503}, {"json": {}}]}
  GET /_/<scenario>          returns the recorded requests, in order
  ... /<scenario>/<path>     is recorded and gets the configured responses, in order

A response has the optional fields status (200), headers (a value or a list of values by name), delay (in seconds), and one of json, text,
base64 and bytes (their number).

If a client presents a certificate over TLS, its common name is recorded as the header x-client-certificate.
"""
import base64
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

LOCK = threading.Lock()
RESPONSES = {}
REQUESTS = {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_request(self):
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        scenario, _, path = url.path.lstrip("/").partition("/")
        if scenario == "_":
            return self.handle_control(path, body)
        path = "/" + path
        request = {"path": path, "method": self.command, "query": url.query, "body": body.decode(errors="replace"),
                   "headers": {name.lower(): value for name, value in self.headers.items()} | self.client_certificate_header()}
        with LOCK:
            earlier = sum(received["path"] == path for received in REQUESTS.setdefault(scenario, []))
            REQUESTS[scenario].append(request)
            responses = RESPONSES.get(scenario, {}).get(path) or [{"json": {}}]
        response = responses[min(earlier, len(responses) - 1)]
        time.sleep(response.get("delay") or 0)
        self.respond(response)

    def client_certificate_header(self):
        certificate = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
        names = dict(field for part in (certificate or {}).get("subject", ()) for field in part)
        return {"x-client-certificate": names["commonName"]} if names else {}

    def handle_control(self, scenario, body):
        with LOCK:
            if self.command == "PUT":
                RESPONSES[scenario] = json.loads(body)
            self.respond({"json": REQUESTS.get(scenario, [])})

    def respond(self, response):
        headers = dict(response.get("headers") or {})
        if response.get("text") is not None:
            body, media_type = response["text"].encode(), "text/plain; charset=utf-8"
        elif response.get("base64") is not None:
            body, media_type = base64.b64decode(response["base64"]), None
        elif response.get("bytes") is not None:
            body, media_type = b"x" * response["bytes"], "text/plain"
        else:
            value = response.get("json")
            body, media_type = json.dumps({} if value is None else value).encode(), "application/json"
        if media_type:
            headers.setdefault("Content-Type", media_type)
        status = response.get("status") or 200
        self.send_response(status)
        for name, values in headers.items():
            for value in values if isinstance(values, list) else [values]:
                self.send_header(name, value)
        if status == 204:
            return self.end_headers()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = handle_request


def serve_tls():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain("/srv/server.crt", "/srv/server.key")
    tls.load_verify_locations("/srv/ca.crt")
    tls.verify_mode = ssl.CERT_OPTIONAL
    server = ThreadingHTTPServer(("", 8443), Handler)
    # The handshake happens in the thread of the connection, so that it does not block others.
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


threading.Thread(target=serve_tls, daemon=True).start()
ThreadingHTTPServer(("", 8080), Handler).serve_forever()
