"""The journal's part in which people and the policy decide, and publications are claimed."""

from collections.abc import Sequence

from orders_monitor.adapters.journal import decisions, feedback, publications, revising
from orders_monitor.adapters.journal.cases import case_of, cases_of
from orders_monitor.adapters.journal.opened import Opened, partition_lock
from orders_monitor.core.feedback import Edited
from orders_monitor.core.policy import Settled, Used
from orders_monitor.core.publication import Step
from orders_monitor.core.review import Case, Decision, Publication, Verdict
from orders_monitor.core.value import Value


class Deciding(Opened):
    """Cases, decisions and publications. Each method is one transaction."""

    def case(self, table: str, partition: str, *, environment: str) -> Case:
        """All that the gate asks about a partition."""
        with self._store.reading() as connection:
            return case_of(connection, table=table, partition=partition, environment=environment, doubt=self._doubt)

    def cases(self, table: str, *, environment: str) -> tuple[Case, ...]:
        """The cases of all partitions of which anything is known, in order, in three queries."""
        with self._store.reading() as connection:
            return cases_of(connection, table=table, environment=environment, doubt=self._doubt, until=self._until)

    def decide(
        self,
        *,
        table: str,
        partition: str,
        environment: str,
        digest: str,
        verdict: Verdict,
        reviewer: str,
        note: str,
        source: str,
        sign: decisions.Sign | None = None,
        settled: Settled | None = None,
    ) -> Decision:
        """Record the first decision on what waits now; `digest` names it by 12 characters or more.

        `sign` gives the signature of the whole decision. `settled` is what the policy takes of a team's allowance.
        Raises ReviewRefused where nothing waits or something else waits, DecidedAlready where somebody was first, the
        end of the time to decide too, and AllowanceSpent.
        """
        decisions.require_well_formed(
            table=table, partition=partition, digest=digest, reviewer=reviewer, note=note, source=source
        )
        answer = Decision(
            id=0,
            table=table,
            partition=partition,
            digest=digest,
            verdict=verdict,
            reviewer=reviewer.strip(),
            note=note,
            source=source,
        )
        # One decision of a table at a time: ids must become visible in their order, or a reader that remembers the
        # last id it saw (`decisions_after`) would pass one by.
        allowance = () if settled is None else (f"allowance {settled.team}",)
        with self._store.writing(*allowance, f"decisions {table}", partition_lock(table, partition)) as connection:
            made = decisions.decide(
                connection,
                answer,
                environment=environment,
                now=self._clock(),
                sign=sign,
                doubt=self._doubt,
                settled=settled,
            )
            feedback.append(connection, made, environment=environment)
        if made.reviewer != answer.reviewer:
            decisions.refuse_late(made)
        return made

    def revise(
        self,
        answer: Decision,
        *,
        environment: str,
        edited: Edited,
        bodies: Sequence[tuple[str, Value]],
        sign: decisions.Sign | None = None,
    ) -> None:
        """Record a reviewer's edit of what waits, with the plan and the bytes that come of it: all of it or nothing.

        `answer` names the digest by 12 characters or more, who edits it and by which door. Raises ReviewRefused, and
        DecidedAlready where somebody was first.
        """
        table, partition = answer.table, answer.partition
        said = {"digest": answer.digest, "reviewer": answer.reviewer, "note": answer.note, "source": answer.source}
        decisions.require_well_formed(table=table, partition=partition, **said)
        with self._store.writing(f"decisions {table}", partition_lock(table, partition)) as connection:
            revising.revise(
                connection,
                answer,
                environment=environment,
                sign=sign,
                doubt=self._doubt,
                edited=edited,
                bodies=bodies,
            )

    def expire(self, table: str, partition: str, *, environment: str) -> Decision | None:
        """Reject what waits for a decision longer than it was given; None where there is no such."""
        with self._store.writing(f"decisions {table}", partition_lock(table, partition)) as connection:
            case = case_of(connection, table=table, partition=partition, environment=environment, doubt=self._doubt)
            made = decisions.expire(connection, case, now=self._clock())
            if made is not None:
                feedback.append(connection, made, environment=environment)
            return made

    def used(self, team: str) -> Used:
        """What the policy has settled by itself for a team in this week and this month."""
        with self._store.reading() as connection:
            return decisions.used(connection, team, now=self._clock())

    def decisions_after(self, table: str, decision_id: int) -> tuple[Decision, ...]:
        """The table's decisions with a greater id, in order."""
        with self._store.reading() as connection:
            return decisions.after(connection, table=table, decision_id=decision_id)

    def last_decision_id(self, table: str) -> int:
        """The id of the table's newest decision; 0 before the first."""
        with self._store.reading() as connection:
            return decisions.last_id(connection, table)

    def claim(self, *, table: str, partition: str, environment: str, run_id: str) -> Step:
        """Ask the gate and claim the publication in one transaction: the lock on the door.

        A Claimable is claimed, by this run alone, when it is returned. Any other step leaves the journal as it was.
        """
        with self._store.writing(partition_lock(table, partition)) as connection:
            return publications.claim(
                connection,
                table=table,
                partition=partition,
                environment=environment,
                run_id=run_id,
                doubt=self._doubt,
            )

    def receipt(self, publication: Publication, *, delta_version: int) -> Publication:
        """Record that a claim was written as that version of the Delta table; again changes nothing.

        Raises PublicationRefused for a claim that was given up, or written as another version.
        """
        with self._store.writing(partition_lock(publication.table, publication.partition)) as connection:
            return publications.receipt(connection, publication, delta_version=delta_version)

    def void(self, publication: Publication) -> Publication:
        """Give up an open claim that was never written; again changes nothing. Raises PublicationRefused if it was."""
        with self._store.writing(partition_lock(publication.table, publication.partition)) as connection:
            return publications.void(connection, publication)
