"""How far a recommendation can be relied on, 0 to 1, from what was measured.

    confidence = coverage x (days held + 1) / (days + 2) x limits measured / limits that matter

The middle is the chance that one more day goes as those observed did, by Laplace's rule of succession:
fourteen days of fourteen make 0.94, seven of seven 0.89, twelve of fourteen 0.81. Coverage is the share of
the samples expected that there were. The last share is below 1 where something the change makes smaller, such
as bandwidth, was not measured. A change that makes nothing smaller has nothing to fail by, and a confidence
of 1.
"""


def succession(held: int, trials: int) -> float:
    """Return the chance that the next trial holds, after so many did. Source: Laplace, rule of succession."""
    return (held + 1) / (trials + 2)


def confidence(*, coverage: float, held: int, trials: int, measured: int = 1, matter: int = 1) -> float:
    """Multiply what the module tells."""
    if matter == 0:
        return 1.0
    return coverage * succession(held, trials) * measured / matter
