"""The page of settings, from the table in `redrive.settings`."""

from __future__ import annotations

from redrive.settings import FILE_NAME, FOREIGN, TABLE, Setting
from tools.pages.markdown import Pages, code, literal, page, table


def pages() -> Pages:
    return {
        "settings.md": page(
            "# Settings",
            "Read once when a process starts. An option of the command line wins over an environment "
            f"variable, that over `{FILE_NAME}` in the home folder, that over the default. An unknown name "
            "is an error that suggests the nearest known one. `redrive settings` lists the values in force "
            "and where each comes from.",
            table(
                ("setting", "environment variable", "type", "default", "unit", "limits", "meaning"),
                [
                    (
                        f"`{row.name}`",
                        f"`{row.variable}`",
                        row.kind_name,
                        "" if row.default is None else literal(row.default),
                        row.unit,
                        _limits(row),
                        row.help + (" Never shown." if row.secret else ""),
                    )
                    for row in TABLE
                ],
            ),
            f"`{FILE_NAME}` holds the same names; "
            + ", ".join(f"`{row.name}`" for row in TABLE if not row.in_file)
            + " cannot stand there, since they say where to look:",
            code('port = 9000\nlog_format = "json"\nmax_running_runs = 16', "toml"),
            "## Variables that are no settings",
            table(("variable", "read by"), [(f"`{name}`", text) for name, text in FOREIGN.items()]),
        )
    }


def _limits(row: Setting) -> str:
    if row.choices:
        return " or ".join(literal(choice) for choice in row.choices)
    least = "" if row.least is None else f"≥ {row.least:g}"
    most = "" if row.most is None else f"≤ {row.most:.0f}"
    return ", ".join(part for part in (least, most) if part)
