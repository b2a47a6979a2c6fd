"""The page of connector documents, from the models that validate them."""

from __future__ import annotations

from redrive.connectors.rest.manifest import ConnectorModel
from tools.pages.markdown import Pages, definitions, links, page, properties


def pages() -> Pages:
    schema = ConnectorModel.model_json_schema()
    return {
        "connector-document.md": page(
            "# Connector documents",
            str(schema.get("description", "")),
            properties(schema, links(schema)),
            definitions(schema, level=2),
        )
    }
