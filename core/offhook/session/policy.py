"""The settings of a phone or of one call: what counts as the answer, and how long each timer runs."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum
from typing import TYPE_CHECKING

from offhook.arguments import check_choice, check_flag, check_instance, check_seconds
from offhook.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping


class AnswerPolicy(Enum):
    """Which signal counts as the answer.

    It is not known outside Sendblue whether its bridge joins the channel when ringing starts or at the answer, so this
    is a setting.
    """

    #: The callee publishes audio. The default: the only signal that the documentation shows.
    CALLEE_PUBLISHED = "callee_published"
    #: The callee's side joins the channel.
    CALLEE_JOINED = "callee_joined"
    #: The first audio from the callee arrives.
    FIRST_AUDIO = "first_audio"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPolicy:
    """Settings of a call; every timer is finite.

    Attributes:
        answer: which signal counts as the answer.
        setup_timeout_s: from dialling until we are in the channel.
        ring_timeout_s: from being in the channel until the answer.
        grace_s: how long our leg or a dropped callee may be away before the call ends.
        max_duration_s: from the answer until the call hangs up by itself.
        release_timeout_s: from hanging up until the call is over, whatever the network does.
        renew_before_s: how long before a grant expires to ask for a fresh one.
        stall_timeout_s: how long a source may yield no audio while `Call.hang_up(after="playout")` or
            `PlayHandle.done()` waits for the end of its playout; then its item fails with `SourceStalled`. The time
            counts only while the item's turn has come and the call is connected.
        audio_timeout_s: how long one direction may be without audio before `AudioLost` is noted.
        end_on_audio_loss: whether `AudioLost` ends the call; by default it is noted and the call goes on.

    Raises:
        ConfigError: a timer is not a positive number of seconds up to 1,000,000,000, `answer` is not an `AnswerPolicy`,
            or `end_on_audio_loss` is not a bool.
    """

    answer: AnswerPolicy = AnswerPolicy.CALLEE_PUBLISHED
    setup_timeout_s: float = 20.0
    ring_timeout_s: float = 45.0
    grace_s: float = 5.0
    max_duration_s: float = 3600.0
    release_timeout_s: float = 2.0
    renew_before_s: float = 30.0
    stall_timeout_s: float = 5.0
    audio_timeout_s: float = 3.0
    end_on_audio_loss: bool = False

    def __post_init__(self) -> None:
        check_choice(self.answer, "answer", AnswerPolicy)
        check_flag(self.end_on_audio_loss, "end_on_audio_loss")
        for field in fields(self):
            if field.name.endswith("_s"):
                object.__setattr__(self, field.name, check_seconds(getattr(self, field.name), field.name))


def check_policy(policy: object, name: str = "policy") -> CallPolicy:
    """Check an argument that must be a `CallPolicy`.

    Raises:
        ConfigError: it is something else.
    """
    guess = f"Write CallPolicy(answer={policy})" if isinstance(policy, AnswerPolicy) else ""
    return check_instance(policy, name, CallPolicy, "a CallPolicy, for example CallPolicy(ring_timeout_s=30)", guess)


def policy_document(policy: CallPolicy) -> dict[str, object]:
    """A policy as plain values, for a journal."""
    values = ((field.name, getattr(policy, field.name)) for field in fields(policy))
    return {name: value.value if isinstance(value, Enum) else value for name, value in values}


def policy_of(document: Mapping[str, object]) -> CallPolicy:
    """The policy that `policy_document` returned as a document.

    Raises:
        ConfigError: the document does not hold a valid policy.
    """
    try:
        return CallPolicy(**{**document, "answer": AnswerPolicy(document["answer"])})  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"the journal does not hold a valid call policy: {error}") from None
