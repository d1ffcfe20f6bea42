"""A proxy in front of an S3 store that misbehaves as told: fault-proxy.py TARGET-PORT MODE-FILE

Prints its port, then serves until it is killed. MODE-FILE holds one word, read anew for each request:

  well     passes everything on
  gone     closes every connection without an answer
  silence  passes nothing on and never answers
  500 503  answers with that status and passes nothing on
  lost     passes on, lets the store answer, and closes the connection instead
  corrupt  passes on, and changes one byte of each body that a GET gives back
  mixed    one of these, or none, by turns
"""

import http.client
import itertools
import socketserver
import sys
import time
from http.server import BaseHTTPRequestHandler

target, mode_file = int(sys.argv[1]), sys.argv[2]
MIXED = itertools.cycle(["well", "500", "lost", "well", "503", "corrupt", "well", "gone", "well"])
SILENCE_SECONDS_MAX = 120
BODY_BYTES_MAX = 64 << 20


def mode():
    with open(mode_file) as file:
        word = file.read().strip() or "well"
    return next(MIXED) if word == "mixed" else word


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (ConnectionError, http.client.HTTPException, OSError):
            self.close_connection = True

    def serve(self):
        how = mode()
        length = int(self.headers.get("content-length", 0))
        if length > BODY_BYTES_MAX:
            self.close_connection = True
            return
        if how == "gone":
            self.close_connection = True
            return
        body = self.rfile.read(length)
        if how == "silence":
            time.sleep(SILENCE_SECONDS_MAX)
            self.close_connection = True
            return
        if how in ("500", "503"):
            self.answer(int(how), {"content-type": "application/xml"}, b"<Error><Code>Fault</Code></Error>")
            return
        upstream = http.client.HTTPConnection("127.0.0.1", target, timeout=60)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                upstream.putheader(name, value)
            upstream.endheaders(body if length else None)
            got = upstream.getresponse()
            data = got.read()
        finally:
            upstream.close()
        if how == "lost":
            self.close_connection = True
            return
        if how == "corrupt" and self.command == "GET" and got.status in (200, 206) and data:
            changed = bytearray(data)
            changed[len(changed) // 2] ^= 1
            data = bytes(changed)
        headers = {name: value for name, value in got.getheaders() if name.lower() not in ("connection", "transfer-encoding")}
        self.answer(got.status, headers, data)

    def answer(self, status, headers, body):
        self.send_response_only(status)
        has_length = any(name.lower() == "content-length" for name in headers)
        for name, value in headers.items():
            self.send_header(name, value)
        if not has_length and status not in (204, 304):
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = serve


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128


with Server(("127.0.0.1", 0), Handler) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
