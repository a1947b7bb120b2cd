"""Images and their labels, from wherever they are."""
