"""Why nothing is recommended: a sentence, and what it has in common with others of its kind."""


class Reason(str):
    """A sentence, and the `general` one by which it is counted with others of its kind."""

    __slots__ = ("general",)

    general: str

    def __new__(cls, sentence: str, general: str) -> "Reason":
        made = super().__new__(cls, sentence)
        made.general = general
        return made


def general(reason: str) -> str:
    """Return what a reason has in common with others; most sentences name nothing particular."""
    return reason.general if isinstance(reason, Reason) else reason
