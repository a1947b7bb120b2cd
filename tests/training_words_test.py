from mnasnet.training.words import in_a_line


def test_the_line_that_says_what_was_wrong_is_found():
    text = (
        "Graph execution error:\n\nDetected at node IteratorGetNext defined at (most recent call "
        "last):\n<stack traces unavailable>\ncorrupted  record at 81270\n\t [[{{node Get}}]] [Op:X]"
    )
    assert in_a_line(ValueError(text)) == "corrupted record at 81270"
    assert in_a_line(ValueError("no space left\nmore")) == "no space left"
    assert in_a_line(ValueError()) == "ValueError"
