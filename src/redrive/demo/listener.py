"""One demo system as an HTTP server in a process of its own, with a second port to control it."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import msgspec

from redrive.demo.faults import Board, Fault
from redrive.demo.system import Call, Reply, System, WrongRequest

GARBAGE = b"<html><body><h1>It works!</h1></body></html>\xff"


class Instruction(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /control`; carried out from top to bottom."""

    reset: bool = False
    settings: dict[str, Any] = {}
    faults: list[Fault] | None = None
    release: bool = False
    down: bool | None = None


class Host:
    """Runs a system on a port that can go down and come back, and on a control port that stays."""

    def __init__(self, system: System, port: int = 0) -> None:
        self.system = system
        self.board = Board()
        self._switch = threading.Lock()
        self._control = _Server(0, self)
        self._public = _Server(port, self)
        self.port = self._public.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.control_url = f"http://127.0.0.1:{self._control.server_address[1]}"

    def start(self) -> None:
        self._control.begin()
        self._public.begin()

    def stop(self) -> None:
        self.board.release()
        with self._switch:
            self._public.end()
            self._control.end()

    def set_down(self, down: bool) -> None:
        with self._switch:
            if down == self._public.running:
                if down:
                    self._public.end()
                    # Bound but not listening: refuses connections and keeps the port for the return.
                    self._public = _Server(self.port, self)
                else:
                    self._public.begin()

    def control(self, call: Call) -> Reply:
        try:
            told = msgspec.json.decode(call.body, type=Instruction)
            if told.reset:
                self.board.reset()
                self.system.reset()
            if told.settings:
                self.system.tell(told.settings)
        except (msgspec.DecodeError, ValueError) as error:
            raise WrongRequest(str(error)) from None
        if told.faults is not None:
            self.board.put(told.faults)
        if told.release:
            self.board.release()
        if told.down is not None or told.reset:
            self.set_down(bool(told.down))
        return Reply(200, self.state())

    def state(self) -> dict[str, Any]:
        return {**self.board.state(), "down": not self._public.running}

    def own(self, call: Call) -> Reply | None:
        """Answers of the host itself, which need no token."""
        match call.method, call.path:
            case "GET", "/health":
                return Reply(200, {"name": self.system.name, "status": "up"})
            case "GET", "/control":
                return Reply(200, self.state())
            case "POST", "/control":
                return self.control(call)
            case "GET", "/wait":
                return self._wait(call)
        return self.system.look(call)

    def _wait(self, call: Call) -> Reply:
        try:
            requests, held = (int(call.query.get(name, 0)) for name in ("requests", "held"))
            timeout_s = float(call.query.get("timeout_s", 30))
        except ValueError as error:
            raise WrongRequest(f"wait takes the numbers requests, held, timeout_s: {error}") from None
        came = self.board.wait(requests, held, timeout_s)
        return Reply(200 if came else 408, self.state())

    def ready_line(self) -> str:
        ready = {
            "ready": self.system.name,
            "url": self.url,
            "control_url": self.control_url,
            "pid": os.getpid(),
        }
        return json.dumps(ready)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, host: Host) -> None:
        super().__init__(("127.0.0.1", port), _Handler, bind_and_activate=False)
        self.host = host
        self.running = False
        self.connections: set[socket.socket] = set()
        try:
            self.server_bind()
        except BaseException:
            self.server_close()
            raise

    def server_bind(self) -> None:
        # The standard server asks the resolver for its own name here, which can take seconds.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def begin(self) -> None:
        self.server_activate()
        self.running = True
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def end(self) -> None:
        if self.running:
            self.shutdown()
        self.running = False
        self.server_close()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that goes away is part of the demo; everything else is a fault of ours.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    @property
    def host(self) -> Host:
        return cast("_Server", self.server).host

    def setup(self) -> None:
        super().setup()
        cast("_Server", self.server).connections.add(self.connection)

    def finish(self) -> None:
        cast("_Server", self.server).connections.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the story is told by Redrive's run log."""

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        call = Call(
            method=self.command,
            path=address.path,
            query=dict(parse_qsl(address.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("content-length") or 0)),
            base_url=f"http://{self.headers.get('host') or self.host.url}",
        )
        try:
            if (own := self.host.own(call)) is not None:
                self._send(own)
            else:
                self._carry_out(call)
        except WrongRequest as error:
            self._send(Reply(400, {"error": str(error)}))

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - names of the base class

    def _carry_out(self, call: Call) -> None:
        fault = self.host.board.arrived(call.path, call.order_ids)
        if fault and fault.moment == "before" and self._go_wrong(fault, None):
            return
        if call.headers.get("authorization") != f"Bearer {self.host.system.token}":
            reply = Reply(401, {"error": "a bearer token is needed"}, {"WWW-Authenticate": "Bearer"})
        else:
            reply = self.host.system.answer(call) or Reply(404, {"error": f"no such place: {call.path}"})
        if not (fault and fault.moment == "after" and self._go_wrong(fault, reply)):
            self._send(reply)

    def _go_wrong(self, fault: Fault, reply: Reply | None) -> bool:
        """Do what the fault says; true if that was the answer. Without a reply nothing was carried out."""
        board = self.host.board
        match fault.kind:
            case "slow" | "hold":
                board.hold(fault.delay_s if fault.kind == "slow" else None)
                return False
            case "status":
                headers = {} if fault.retry_after_s is None else {"Retry-After": f"{fault.retry_after_s:g}"}
                self._send(Reply(fault.status, {"error": "told to answer so"}, headers))
            case "garbage":
                self._send(Reply(200, GARBAGE))
            case "cut":
                self._send_part(reply, fault.bytes)
            case "trickle":
                self._send(Reply(200, self._trickle(reply, fault.delay_s)))
        return True

    def _send(self, reply: Reply) -> None:
        body = reply.encoded()
        self._send_head(reply, None if isinstance(body, Iterator) else len(body))
        if isinstance(body, bytes):
            self.wfile.write(body)
        else:
            for chunk in body:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _send_head(self, reply: Reply, length: int | None) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.media_type)
        if length is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(length))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _send_part(self, reply: Reply | None, length: int | None) -> None:
        self.close_connection = True
        if reply is not None:
            body = reply.encoded()
            whole = body if isinstance(body, bytes) else b"".join(body)
            self._send_head(reply, len(whole))
            self.wfile.write(whole[: len(whole) // 2 if length is None else length])
            self.wfile.flush()
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _trickle(self, reply: Reply | None, delay_s: float) -> Iterator[bytes]:
        if reply is not None:
            body = reply.encoded()
            yield body if isinstance(body, bytes) else b"".join(body)
        self.wfile.flush()
        while not self.host.board.hold(delay_s):
            yield b" "
            self.wfile.flush()


def arguments(system: str) -> argparse.ArgumentParser:
    """The options that every demo system has."""
    parser = argparse.ArgumentParser(prog=f"python -m redrive.demo.{system}")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument(
        "--until-stdin-ends", action="store_true", help="end as soon as whoever started it is gone"
    )
    return parser


def serve(system: System, port: int, *, until_stdin_ends: bool) -> int:
    """Serve until interrupted (or until stdin ends); prints one line of JSON when ready."""
    try:
        host = Host(system, port)
    except OSError as error:
        print(f"{system.name}: port {port} cannot be used ({error.strerror}); choose another with --port",
              file=sys.stderr)  # fmt: skip
        return 3
    host.start()
    print(host.ready_line(), flush=True)
    try:
        if until_stdin_ends:
            sys.stdin.buffer.read()
        else:
            threading.Event().wait()
    except KeyboardInterrupt:
        pass
    host.stop()
    return 0
