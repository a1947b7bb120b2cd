"""What tests ask of every page that the project writes."""

import re
from html.parser import HTMLParser


class Balance(HTMLParser):
    """Fails where a tag is closed that was not the last one opened."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def assert_stands_alone(html):
    balance = Balance()
    balance.feed(html)
    assert balance.open == []
    assert "<script" not in html
    loaded = re.findall(r'(?:src|href)="(?!#|data:)([^"]*)"', html)
    assert loaded == [], f"loads {loaded}"
