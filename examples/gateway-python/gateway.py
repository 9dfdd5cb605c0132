"""A gateway for Patchbay in Python (3.9 or later), without dependencies. See README.md in the folder above it."""

import base64
import hashlib
import hmac
import json
import os
import re
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = int(os.environ.get("PORT", "8801"))
SECRET = os.environ.get("GATEWAY_SECRET", "")
CALLBACK_URL = os.environ.get("CALLBACK_URL", "")
if not SECRET.startswith("whsec_") or not CALLBACK_URL:
    sys.exit("Set GATEWAY_SECRET (whsec_...) and CALLBACK_URL (https://your-patchbay/channels/<connection id>).")
KEY = base64.b64decode(SECRET[len("whsec_"):])
TOLERANCE_SECONDS = 300


class Refusal(Exception):
    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def send_to_provider(message):
    """Replace this with your provider. Returns its id of the message; raises a Refusal where it refuses one."""
    to = message.get("to") or ""
    if not re.fullmatch(r"\+\d{6,15}|[^@\s]+@[^@\s]+", to):
        raise Refusal(400, "21211", "not an address")
    if to == "+15005550001":
        raise Refusal(400, "21610", "the contact has opted out")
    if to == "+15005550002":
        raise Refusal(429, "busy", "too many messages")
    print(f"to {to}: {message.get('text')}", flush=True)
    return str(uuid.uuid4())


def sign(webhook_id, timestamp, body):
    return hmac.new(KEY, f"{webhook_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()


def is_signed(headers, body):
    """Verifies the raw bytes. During a change of the secret there are two signatures; one that matches is enough."""
    webhook_id, timestamp = headers.get("webhook-id"), headers.get("webhook-timestamp") or ""
    signatures = headers.get("webhook-signature") or ""
    if not webhook_id or not re.fullmatch(r"\d{1,12}", timestamp):
        return False
    if abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    expected = "v1," + base64.b64encode(sign(webhook_id, timestamp, body)).decode()
    return any(hmac.compare_digest(one.encode(), expected.encode()) for one in signatures.split(" "))


# Responses by webhook-id: a repeat gets the same one. Keep them in a database in earnest.
responses = {}
locks = {}
guard = threading.Lock()


def handle_send(webhook_id, body):
    try:
        message = json.loads(body)
    except ValueError:
        return 400, {"error": {"code": "json", "message": "the body is not JSON"}}
    with guard:
        lock = locks.setdefault(webhook_id, threading.Lock())
    # A repeat waits while the first is being sent.
    with lock:
        if webhook_id in responses:
            return responses[webhook_id]
        try:
            external_id = send_to_provider(message)
        except Refusal as refusal:
            response = refusal.status, {"error": {"code": refusal.code, "message": refusal.message}}
            # A refusal for now is no result: the next attempt is made.
            if refusal.status < 500 and refusal.status not in (408, 425, 429):
                responses[webhook_id] = response
            return response
        responses[webhook_id] = 200, {"externalId": external_id, "status": "accepted"}
    threading.Thread(target=report, args=(message, external_id), daemon=True).start()
    return responses[webhook_id]


def report(message, external_id):
    """A provider reports these later by a webhook of its own."""
    at = datetime.now(timezone.utc).isoformat()
    call_back("status", {"externalId": external_id, "status": "delivered", "at": at})
    if message.get("text") == "ping":
        to = message.get("from") or "+15005550006"
        call_back("inbound", {"externalId": str(uuid.uuid4()), "from": message["to"], "to": to, "text": "pong"})


def call_back(event, content):
    """Calls Patchbay, and again for a while where it is not available."""
    body = json.dumps(content).encode()
    for delay in (0, 1, 5, 30, 300):
        time.sleep(delay)
        webhook_id, timestamp = str(uuid.uuid4()), str(int(time.time()))
        signature = base64.b64encode(sign(webhook_id, timestamp, body)).decode()
        headers = {
            "content-type": "application/json",
            "webhook-id": webhook_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": f"v1,{signature}",
        }
        request = urllib.request.Request(f"{CALLBACK_URL}/{event}", data=body, headers=headers, method="POST")
        try:
            urllib.request.urlopen(request, timeout=10).close()
            return
        except urllib.error.HTTPError as error:
            if error.code < 500:
                return
        except OSError:
            pass
    print(f"Patchbay could not be reached: {event} is lost.", file=sys.stderr)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path != "/send":
            return self.respond(404, {"error": {"code": "not_found", "message": "POST /send"}})
        if not is_signed(self.headers, body):
            return self.respond(401, {"error": {"code": "signature", "message": "wrong signature"}})
        self.respond(*handle_send(self.headers["webhook-id"], body))

    def respond(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        if status == 429:
            self.send_header("retry-after", "5")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


print(f"gateway at http://127.0.0.1:{PORT}/send", flush=True)
ThreadingHTTPServer(("", PORT), Handler).serve_forever()
