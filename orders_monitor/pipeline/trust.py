"""trust: which recorded decisions count, by the reviewers file of now and the signatures on record."""

from functools import cached_property

from orders_monitor.adapters import signing
from orders_monitor.adapters.reviewers import load_reviewers
from orders_monitor.core.people import Reviewers, why_untrusted
from orders_monitor.core.review import Asked, Decision
from orders_monitor.settings import Settings


class Trust:
    """Called with a decision: why it counts for nothing, or None. The file is read when first it matters.

    Raises ReleaseInvalid where the reviewers file is wrong: then nothing is decided and nothing published.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, decision: Decision, asked: Asked) -> str | None:
        """Why this decision counts for nothing, by what was asked about its digest."""
        return why_untrusted(
            decision,
            asked,
            self._of(decision, asked),
            environment=self._settings.environment,
            verify=signing.is_signed,
        )

    @cached_property
    def reviewers(self) -> Reviewers:
        """Everybody who may decide."""
        return load_reviewers(self._settings.reviewers)

    def _of(self, decision: Decision, asked: Asked) -> Reviewers:
        bare = self._settings.environment == "dev" and not (decision.signature or asked.assigned)
        return self.reviewers if decision.by_a_person and not bare else Reviewers()
