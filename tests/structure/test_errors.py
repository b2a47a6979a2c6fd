"""The tree drawn in `errors.py` is the tree of its classes, and each can be looked up."""

from __future__ import annotations

import re

from redrive import errors
from tools.pages.errors import classes, codes

_CODE = re.compile(r"[a-z_]+(\.[a-z_]+)*")


def test_each_class_stands_in_the_drawn_tree():
    drawn = set(re.findall(r"[├└]─ (\w+)", errors.__doc__)) | {"RedriveError"}
    assert drawn == {kind.__name__ for kind in classes()}


def test_each_class_has_a_code_and_a_title_of_its_own():
    kinds = list(classes())
    assert len({kind.code for kind in kinds}) == len(kinds)
    assert len({kind.title for kind in kinds}) == len(kinds)


def test_codes_are_words_with_dots():
    every = {kind.code for kind in classes()} | codes().keys()
    assert not [code for code in every if not _CODE.fullmatch(code)]
