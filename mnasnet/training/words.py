"""TensorFlow's errors for people."""

# What TensorFlow says before it says what was wrong.
_PREFACES = ("Graph execution error", "Detected at", "<stack traces", "File ")


def in_a_line(error: BaseException) -> str:
    """The line of an error's text that says what was wrong."""
    lines = [" ".join(line.split()) for line in str(error).splitlines()]
    telling = [line for line in lines if line and not line.startswith(_PREFACES)]
    return (telling or lines or [type(error).__name__])[0]
