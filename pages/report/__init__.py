"""The modeling report, as a page and as Markdown."""
