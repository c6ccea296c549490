"""Reads a page of HTML as strictly as a test wants it: every element closed, every table told."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br"}
_STRUCTURE = {"html", "head", "title", "style", "body", "main", "section", "footer", "h1", "h2", "div"}
_TEXT = {"p", "a", "ul", "li", "dl", "dt", "dd", "s", "pre", "code", "span", "time"}
_TABLES = {"table", "caption", "thead", "tbody", "tr", "th", "td"}
KNOWN = VOID | _STRUCTURE | _TEXT | _TABLES


@dataclass
class Page:
    """What stands on a page."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=dict)
    """By element: the text of each, with that of what it holds."""

    @property
    def text(self) -> str:
        """All that is read, with single blanks."""
        return self.texts["main"][0]

    @property
    def links(self) -> list[str]:
        return [href for name, attributes in self.elements if name == "a" and (href := attributes.get("href"))]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self.open: list[tuple[str, list[str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in KNOWN, f"<{tag}> has no place on a page"
        assert not any(name.startswith("on") or name == "style" for name, _ in attrs), attrs
        assert len(dict(attrs)) == len(attrs), attrs
        self.page.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append((tag, []))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1][0] == tag, f"</{tag}> closes <{self.open[-1][0]}>"
        _, parts = self.open.pop()
        self.page.texts.setdefault(tag, []).append(" ".join("".join(parts).split()))

    def handle_data(self, data: str) -> None:
        for _, parts in self.open:
            parts.append(data)


def read_page(html: str) -> Page:
    """Return a page. Raises AssertionError for one that is not well formed, or holds what no page of ours does."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert not reader.open, [tag for tag, _ in reader.open]
    assert html.startswith("<!doctype html>")
    page = reader.page
    names = [name for name, _ in page.elements]
    assert [a.get("lang") for name, a in page.elements if name == "html"] == ["en"]
    assert names.count("title") == names.count("main") == names.count("h1") == 1
    assert names.count("caption") == names.count("table")
    assert all(a.get("scope") in ("row", "col") for name, a in page.elements if name == "th")
    return page
