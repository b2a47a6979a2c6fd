"""The verbs user, mask and audit, on a home of their own."""

from __future__ import annotations

import json

import pytest

from redrive.cli.main import main


@pytest.fixture
def redrive(capsys, tmp_path, monkeypatch):
    """Run the command in this process, on a real home."""
    monkeypatch.chdir(tmp_path)

    def call(*words, stdin=None):
        if stdin is not None:
            (tmp_path / "typed").write_text(stdin)
            words = (*words, "--password-from", str(tmp_path / "typed"))
        code = main(["--home", str(tmp_path / "home"), *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_people_are_added_changed_listed_and_deleted(redrive):
    assert redrive("user")[1] == ""
    assert redrive("user", "add", "ann", "--role", "admin", stdin="correct horse battery\n") == (
        0, "ann: admin; sign-in: password\n", "",
    )  # fmt: skip
    assert redrive("user", "add", "bob", "--no-password", "--reveal")[1] == (
        "bob: viewer, may reveal; sign-in: none\n"
    )
    assert redrive("user", "set", "BOB", "--role", "operator", "--no-reveal")[1] == (
        "bob: operator; sign-in: none\n"
    )
    assert redrive("user", "password", "bob", stdin="another good one")[1].endswith("sign-in: password\n")
    listed = json.loads(redrive("user", "list", "--json")[1])["items"]
    assert [(one["name"], one["role"], one["password"]) for one in listed] == [
        ("ann", "admin", True),
        ("bob", "operator", True),
    ]
    assert redrive("user", "delete", "bob", "--yes")[1] == "bob is deleted.\n"
    assert json.loads(redrive("user", "sessions", "--json")[1]) == {"items": [], "next": None}


@pytest.mark.parametrize(
    ("words", "stdin", "code"),
    [
        (("user", "add", "ann"), "short", "password.weak"),
        (("user", "add", "a/b"), "correct horse battery", "usage"),
        (("user", "add", "ann"), "x" * 2000, "usage"),
        (("user", "set", "nobody", "--role", "admin"), None, "account.unknown"),
        (("user", "set", "nobody"), None, "usage"),
        (("user", "end", "s0000000000000"), None, "session.unknown"),
        (("mask", "set", "x"), None, "mask.invalid"),
        (("mask", "set", "x", "--pattern", "("), None, "mask.invalid"),
        (("mask", "delete", "x", "--yes"), None, "mask.unknown"),
        (("token", "create", "t", "--scope", "operater"), None, "token.scope"),
    ],
)
def test_what_is_refused_and_how(redrive, words, stdin, code):
    exit_code, out, err = redrive(*words, "--json", stdin=stdin)
    assert (exit_code, out, json.loads(err)["code"]) == (2, "", code)


def test_masks_and_the_audit_log(redrive):
    assert redrive("mask", "set", "people", "--field", "email", "--flow", "orders")[1] == (
        "people hides email in orders\n"
    )
    assert json.loads(redrive("mask", "list", "--json")[1])["items"][0]["fields"] == ["email"]
    assert redrive("mask", "delete", "people", "--yes")[0] == 0
    lines = json.loads(redrive("audit", "--what", "mask", "--since", "1h", "--json")[1])["items"]
    assert [(one["action"], one["subject"], one["via"], one["result"]) for one in lines] == [
        ("mask.deleted", "people", "process", "ok"),
        ("mask.set", "people", "process", "ok"),
    ]
    assert "mask.set" in redrive("audit", "--who", lines[0]["actor"])[1]
    assert json.loads(redrive("audit", "--who", "somebody else", "--json")[1])["items"] == []
