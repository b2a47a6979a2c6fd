"""Nothing in the tree names one machine, or a host that packages come from."""

from __future__ import annotations

import re

from tests.structure.tree import ROOT, files, short

# Written apart, so that this file does not hold them itself.
_HOSTS = ("py" + "pi.org", "pythonhosted" + ".org", "registry.npm" + "js", "deb.debian" + ".org")
_PATHS = ("/" + "work/", "/" + "root/", "/" + "opt/pypi", "/" + "farm/")
_FORBIDDEN = re.compile(
    "|".join(
        [*(re.escape(host) for host in _HOSTS), *(rf"(?<![\w.}}]){re.escape(path)}" for path in _PATHS)]
    ).encode()
)


def test_no_machine_and_no_registry_is_named():
    found = []
    for path in files(ROOT):
        data = path.read_bytes()
        for match in _FORBIDDEN.finditer(data):
            line = data.count(b"\n", 0, match.start()) + 1
            found.append(f"{short(path)}:{line}: {match[0].decode()}")
    assert not found
