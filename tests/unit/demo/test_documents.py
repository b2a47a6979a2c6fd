"""The demo's documents are whole and can be pointed at any address."""

import yaml

from redrive.demo.documents import DOCUMENTS, document, documents


def test_every_document_is_there_by_its_name() -> None:
    kinds = {name: list(yaml.safe_load_all(document(name))) for name in DOCUMENTS}
    assert kinds["demo-shop"][0]["connector"] == "demo-shop"
    assert kinds["demo-erp"][0]["connector"] == "demo-erp"
    assert [each["connection"] for each in kinds["connections"]] == ["shop", "erp"]
    assert kinds["orders-to-erp"][0]["flow"] == "orders-to-erp"


def test_connections_point_where_they_are_told() -> None:
    text = documents("connections", shop_url="http://127.0.0.1:1", erp_url="http://127.0.0.1:2")
    bases = [each["settings"]["base_url"] for each in yaml.safe_load_all(text)]
    assert bases == ["http://127.0.0.1:1", "http://127.0.0.1:2"]


def test_many_documents_make_one_stream() -> None:
    assert len(list(yaml.safe_load_all(documents(*DOCUMENTS)))) == 5


def test_no_document_holds_a_secret() -> None:
    for connection in yaml.safe_load_all(document("connections")):
        assert all(set(source) == {"env"} for source in connection["secrets"].values())
