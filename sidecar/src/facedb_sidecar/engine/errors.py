"""Why an engine cannot be loaded: one typed error with a stable reason word.

LoadError
"""


class LoadError(Exception):
    """A release or model that this process cannot serve.

    Attributes:
        reason: CamelCase word, such as CorruptIndex, DeviceUnavailable, ModelMissing.
        message: what was wrong, where, what was expected.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message
