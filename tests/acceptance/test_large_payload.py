"""300 MB in one page go through a whole flow in bounded memory."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest

ORDERS = 300_000
LINE = "Stoneware mug, blue, 350 ml, hand-thrown; " * 23
MOST_KIB = 300 * 1024
MOST_S = 90


@pytest.fixture(autouse=True)
def every_store():
    """Once is enough: large payloads do not go through the record store."""


DOCUMENTS = """
connector: warehouse
base_url: "{{{{ connection.base_url }}}}"
endpoints:
  export:
    direction: receive
    request: {{method: GET, path: /export}}
    items: data.orders
  take:
    direction: send
    request: {{method: POST, path: /take, body: "{{{{ payload }}}}"}}
---
connection: warehouse
connector: warehouse
settings: {{base_url: "{url}"}}
---
flow: large
steps:
  - {{id: pull, shape: connector, connection: warehouse, endpoint: export}}
  - {{id: paid, shape: filter, drop: {{field: status, is: open}}}}
  - {{id: form, shape: map, automatic: true, fields: [{{to: source, value: web}}]}}
  - {{id: batches, shape: flow_control, size: 3000}}
  - {{id: send, shape: connector, connection: warehouse, endpoint: take, key: id}}
"""

# Runs the command and leaves the most memory that the process ever had: of the process itself, for a
# figure inherited from whoever starts it would be theirs.
MEASURED = """
import pathlib, sys
from redrive.cli.main import main
code = main(sys.argv[2:])
status = pathlib.Path("/proc/self/status")
if status.exists():
    peak = next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM"))
else:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
pathlib.Path(sys.argv[1]).write_text(str(peak))
sys.exit(code)
"""


class Order(msgspec.Struct):
    id: int
    total: msgspec.Raw
    source: str
    note: str


def order(number: int) -> bytes:
    status = b"open" if number % 10 == 0 else b"paid"
    return b'{"id": %d, "status": "%s", "total": %d.10, "note": "%s"}' % (
        number, status, number % 1000, LINE.encode(),
    )  # fmt: skip


class Warehouse(ThreadingHTTPServer):
    """Gives all orders in one page, and adds up what it takes."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.given_bytes = 0
        self.taken_bytes = 0
        self.requests = 0
        self.taken = 0
        self.sum_of_ids = 0
        self.sum_of_tenths = 0

    def page(self):
        yield b'{"data": {"orders": ['
        for start in range(0, ORDERS, 1000):
            part = b",\n".join(map(order, range(start, start + 1000)))
            yield (b",\n" if start else b"") + part
        yield b"]}}"

    def take(self, body):
        decoder = msgspec.json.Decoder(list[Order])
        self.requests += 1
        self.taken_bytes += len(body)
        for one in decoder.decode(body):
            assert one.source == "web"
            assert one.note == LINE
            self.taken += 1
            self.sum_of_ids += one.id
            whole, _, fraction = bytes(one.total).partition(b".")
            assert fraction == b"10"
            self.sum_of_tenths += int(whole) * 10 + 1


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in self.server.page():
            self.server.given_bytes += len(chunk)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        self.wfile.write(b"0\r\n\r\n")

    def do_POST(self):
        self.server.take(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def warehouse():
    server = Warehouse()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.slow
def test_a_payload_of_300_mb_goes_through_a_flow_in_less_memory(warehouse, redrive, tmp_path):
    documents = tmp_path / "documents.yaml"
    documents.write_text(DOCUMENTS.format(url=warehouse.url))
    redrive.ok("import", str(documents), "--deploy")
    peak = tmp_path / "peak"
    began = time.monotonic()
    ended = redrive("run", "large", "--json", python=("-c", MEASURED, str(peak)), timeout_s=3 * MOST_S)
    took_s = time.monotonic() - began
    assert ended.code == 0, ended.err + ended.text
    steps = {step["step"]: step for step in ended.value["steps"]}
    (pulled,) = steps["pull"]["payloads_out"]
    kept = ORDERS - ORDERS // 10
    assert warehouse.given_bytes > 300_000_000
    assert pulled["items"] == ORDERS
    assert steps["send"]["deliveries"]["delivered"] == kept
    assert (warehouse.taken, warehouse.requests) == (kept, kept // 3000)
    numbers = [number for number in range(ORDERS) if number % 10]
    assert warehouse.sum_of_ids == sum(numbers)
    assert warehouse.sum_of_tenths == sum(number % 1000 * 10 + 1 for number in numbers)
    print(f"{took_s:.0f} s, {int(peak.read_text()) // 1024} MiB")
    assert int(peak.read_text()) < MOST_KIB
    assert took_s < MOST_S
