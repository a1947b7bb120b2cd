"""The report of a search: its pages, sections and plots."""
