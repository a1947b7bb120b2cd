"""What goes wrong between this machine and what it measures on.

None of these speaks about the network that was to be timed: they never become a latency, nor a
reason against a network. What the network itself is to blame for is a `MeasurementError`.
Each message is one line that says what to do.
"""

from tflite_bench.command_line import SurroundingsError, UsageError


class DeviceError(SurroundingsError):
    """The surroundings failed: a device, the way to it, or the tool on it."""


class AdbMissingError(DeviceError):
    """There is no adb program to call."""


class DeviceFlagError(DeviceError, UsageError):
    """A flag asks of the devices what they have not got: the user's mistake, where it is first met.

    A device error all the same, so that a phone which does not fit can be passed over for others,
    and a search in which a phone goes away later ends as for other surroundings that failed.
    """


class AdbFlagError(AdbMissingError, DeviceFlagError):
    """--adb names what is not adb."""


class NoPhoneError(DeviceError):
    """No phone is attached, or not the one that was named."""


class NotAttachedError(NoPhoneError, DeviceFlagError):
    """The phone that was named is not attached."""


class UnauthorizedError(DeviceError):
    """The phone waits for its owner to allow this machine."""


class OfflineError(DeviceError):
    """The phone is attached and does not answer."""


class PhoneGoneError(DeviceError):
    """The connection ended in the middle of a command."""


class NoSpaceError(DeviceError):
    """The phone's storage is full."""


class CommandTimeoutError(DeviceError):
    """A command took longer than it may; the phone itself ended it and still answers."""


class TooHotError(DeviceError):
    """The phone did not cool down in the time it was given."""


class UnfitError(DeviceError):
    """The phone answers, but cannot be measured on as it is: battery saver, cores switched off."""


class UnfitFlagError(UnfitError, DeviceFlagError):
    """The phone is not one for the cores or the binary that flags name."""


class ToolError(DeviceError):
    """The benchmark_model binary cannot do what it is asked to, whatever the network."""


class UnsteadyError(DeviceError):
    """Repeats of one measurement disagree; the message has the figures."""
