"""One client with two transports: a server over HTTP, or the service in this process.

    async with connect(home=Path("~/redrive")) as client:
        row = await client.runs.start("orders", StartRequest())
        row = await client.finish(row.id)

Both have the nouns and methods of `redrive.service.interface` and give the same records and errors.
"""

from redrive.client.connecting import Client, connect, default_home

__all__ = ["Client", "connect", "default_home"]
