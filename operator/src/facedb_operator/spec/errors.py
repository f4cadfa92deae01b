"""What is wrong with a spec that the CRD's schema let pass."""


class InvalidSpec(Exception):
    """A field that the operator cannot act on.

    Attributes:
        field: the path of the field, as in ``spec.rollout.drain``.
        why: what was wrong with it and what was expected.
    """

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
        self.why = why
