"""What a browser would see of a report: its tags, its text and the rows of its tables, with nothing left open."""

from __future__ import annotations

from html.parser import HTMLParser

__all__ = ["Page"]

VOID = {"meta", "img", "source", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """Tags with their attributes, all text, and the rows of each table by its caption."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.grids, self.said = [], [], {}, []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "caption":
            self.caption = ""
        if tag == "tr":
            self.grids[self.caption].append([])
        if tag in {"th", "td"}:
            self.grids[self.caption][-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "caption":
            self.grids[self.caption] = []

    def handle_data(self, data):
        if "style" in self.open:
            return
        self.said.append(data.strip())
        if self.open and self.open[-1] == "caption":
            self.caption += data
        if {"th", "td"} & set(self.open):
            row = self.grids[self.caption][-1]
            row[-1] = f"{row[-1]} {data.strip()}".strip()

    @property
    def text(self):
        return " ".join(word for part in self.said for word in part.split())

    def grid(self, begin):
        (found,) = (rows for caption, rows in self.grids.items() if caption.startswith(begin))
        return found

    def attributes(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]
