"""The settings of admission by load: how loaded the event loop may be when a call is dialled, and what happens then."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.arguments import check_instance, check_number, check_seconds, check_whole


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPolicy:
    """When a new call has to wait because the event loop is loaded, and when it is refused.

    The first 8 calls of a phone are always dialled: what makes a loop late then is other work of the program.

    Attributes:
        late_limit_ms: how late nine of ten timers of the loop may be, in milliseconds; by default as long as a frame.
            None for no limit.
        busy_limit_percent: how much of one core the calls that are up, and one more, may need once all of them talk, in
            percent; None for no limit.
        dials_at_once: how many calls are dialled at the same time while the loop is on time; the later it is, the
            fewer. A call that takes longer than a second to dial counts for a second.
        waiting_limit: how many calls may wait for their turn; a further one is refused at once. 0 refuses all of them.
        wait_s: how long a call waits at most, in seconds, before it is refused.

    Raises:
        ConfigError: a value is of the wrong type or out of range.
    """

    late_limit_ms: float | None = 20.0
    busy_limit_percent: float | None = 75.0
    dials_at_once: int = 8
    waiting_limit: int = 100
    wait_s: float = 10.0

    def __post_init__(self) -> None:
        if self.late_limit_ms is not None:
            check_number(self.late_limit_ms, "late_limit_ms", least=1, most=10_000, unit="milliseconds")
        if self.busy_limit_percent is not None:
            check_number(self.busy_limit_percent, "busy_limit_percent", least=1, most=100, unit="percent")
        check_whole(self.dials_at_once, "dials_at_once", least=1)
        check_whole(self.waiting_limit, "waiting_limit", least=0)
        check_seconds(self.wait_s, "wait_s", zero=True)


def check_load_policy(policy: object) -> LoadPolicy | None:
    """Check an argument that must be a `LoadPolicy` or None.

    Raises:
        ConfigError: it is something else.
    """
    if policy is None:
        return None
    return check_instance(policy, "load_policy", LoadPolicy, "a LoadPolicy, for example LoadPolicy(wait_s=5), or None")
