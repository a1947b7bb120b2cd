"""Numbers of filters under a depth multiplier."""


def round_filters(
    filters: int, depth_multiplier: float | None, divisor: int = 8, min_depth: int = 0
) -> int:
    """Filters after a depth multiplier.

    The scaled number goes to the nearest multiple of `divisor`, halves up, at least `min_depth`,
    and one multiple further where rounding would take away more than a tenth (the rule of the
    official MnasNet and MobileNetV2 code). With no multiplier nothing is rounded.

    Args:
      filters: filters at multiplier 1.
      depth_multiplier: over 0, or None to return `filters` as they are.
      divisor: what the result is a multiple of.
      min_depth: the smallest result; 0 for one `divisor`.

    Raises:
      ValueError: for a multiplier that is not over 0.
    """
    if depth_multiplier is None:
        return filters
    # Differs from the official code: 0 is refused, where that takes it for "no multiplier".
    if not 0 < depth_multiplier < float("inf"):
        raise ValueError(f"depth_multiplier is {depth_multiplier!r}, must be a number over 0")
    scaled = filters * depth_multiplier
    rounded = max(min_depth or divisor, int(scaled + divisor / 2) // divisor * divisor)
    if rounded < 0.9 * scaled:
        rounded += divisor
    return rounded
