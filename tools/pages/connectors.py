"""The page of connector documents, from the models that validate them."""

from __future__ import annotations

from redrive.connectors.rest.manifest import ConnectorModel
from redrive.demo.documents import document
from tools.pages.markdown import Pages, code, definitions, links, page, properties


def pages() -> Pages:
    schema = ConnectorModel.model_json_schema()
    return {
        "connector-document.md": page(
            "# Connector documents",
            str(schema.get("description", "")),
            "Values may be [templates](templates.md); where they come from is told by a "
            "[connection](connection-document.md). An endpoint that receives:",
            code(document("demo-shop"), "yaml"),
            "And one that sends:",
            code(document("demo-erp"), "yaml"),
            properties(schema, links(schema)),
            definitions(schema, level=2),
        )
    }
