"""How measures are written for people: few digits, with their unit."""


def milliseconds(value: float) -> str:
    """Three digits that count, never in powers of ten: '0.0120 ms', '1.23 ms', '1,234 ms'."""
    return f"{value:,.0f} ms" if value >= 99.95 else f"{value:#.3g} ms"


def percent(share: float) -> str:
    """A share of 1 with two decimals, such as a top-1: '93.14 %'."""
    return f"{100 * share:.2f} %"


def amount(number: int | None) -> str:
    """A count of parameters or multiply-adds: '950', '34.1 k', '3.89 M', '1.81 B'; '-' for None."""
    if number is None:
        return "-"
    for limit, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        # From 999.5 on, three digits would show the next unit's 1.
        if number >= limit * 0.9995:
            value = number / limit
            decimals = 2 if value < 9.995 else 1 if value < 99.95 else 0
            return f"{value:.{decimals}f} {unit}"
    return str(number)


def counted(number: int, thing: str) -> str:
    """A number of things: '1 trial', '8,000 trials'."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def duration(seconds: float) -> str:
    """Hours, minutes, seconds, with days in front where there are any: '2 d 3:04:05'."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return (f"{days} d " if days else "") + f"{hours}:{minutes:02d}:{seconds:02d}"


def magnitude(number: int) -> str:
    """A number of networks, which may be beyond any float: '6,561', '2.81e18'."""
    if number < 10**6:
        return f"{number:,}"
    digits = str(number)
    return f"{int(digits[:4]) / 1000:.2f}e{len(digits) - 1}"
