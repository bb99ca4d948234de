"""What was found, as tables: for the terminal, as plain text, as Markdown. Computes nothing."""

from cascade.report.summary import LABELS, Row, as_markdown, as_ranges, as_table, as_text, markdown_table, rows

__all__ = ["LABELS", "Row", "as_markdown", "as_ranges", "as_table", "as_text", "markdown_table", "rows"]
