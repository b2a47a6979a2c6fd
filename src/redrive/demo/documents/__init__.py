"""The documents of the demo: connectors, connections, and the flow orders-to-erp."""

from __future__ import annotations

from importlib import resources

DOCUMENTS = ("demo-shop", "demo-erp", "connections", "orders-to-erp")

# The addresses that the files name, on which the tutorial starts the servers.
SHOP_URL = "http://127.0.0.1:9001"
ERP_URL = "http://127.0.0.1:9002"


def document(name: str) -> str:
    """The exact text of one document."""
    return resources.files(__name__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")


def documents(*names: str, shop_url: str = SHOP_URL, erp_url: str = ERP_URL) -> str:
    """Documents as one YAML stream, with the systems at these addresses."""
    text = "---\n".join(document(name) for name in names)
    return text.replace(SHOP_URL, shop_url).replace(ERP_URL, erp_url)
