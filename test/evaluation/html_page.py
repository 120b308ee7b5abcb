# SPDX-License-Identifier: Apache-2.0
"""An HTML page taken apart."""

from html.parser import HTMLParser

_VOID_TAGS = {"img", "meta", "br"}


class Page(HTMLParser):
    """Tables as lists of rows of texts, and everything that could be wrong.

    Raises AssertionError where tags do not match, or an attribute comes twice.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, *attribute) for attribute in attrs]
        assert len({name for name, _ in attrs}) == len(attrs)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in _VOID_TAGS:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] = f"{self.rows[-1][-1]} {' '.join(data.split())}".strip()
        if "style" not in self.open:
            self.text += data

    @property
    def sources(self) -> list[str | None]:
        """What the page loads or links to."""
        return [value for _, name, value in self.attributes if name in ("src", "href")]

    def row(self, name: str) -> list[str]:
        """Cells of the first row that begins so."""
        return self.rows_of(name)[0]

    def rows_of(self, name: str) -> list[list[str]]:
        """All rows that begin so."""
        return [row for row in self.rows if row and row[0] == name]

    def after(self, heading: str) -> list[list[str]]:
        """Rows of the table whose first row begins so, and all behind it."""
        begin = next(k for k, row in enumerate(self.rows) if row[0] == heading)
        return self.rows[begin + 1 :]
