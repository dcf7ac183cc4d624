"""One incident and not thirty: an anomaly that goes on from the partitions before knows the first of them."""

from collections.abc import Mapping, Sequence

from orders_monitor.core.quality import Anomaly


def continued(
    anomalies: Sequence[Anomaly], found: Mapping[str, Sequence[Anomaly]], *, partition: str
) -> tuple[Anomaly, ...]:
    """The anomalies with `since`: where the partition before had the same metric off to the same side, its own.

    `found` are the anomalies of earlier partitions by partition (an ISO date), of published and of held ones alike.
    """
    before = max((each for each in found if each < partition), default=None)
    last = {(each.metric, _is_above(each)): each.since or before for each in found[before]} if before else {}
    return tuple(_going_on(each, last.get((each.metric, _is_above(each)))) for each in anomalies)


def _going_on(anomaly: Anomaly, since: str | None) -> Anomaly:
    if since is None:
        return anomaly
    return anomaly.model_copy(update={"since": since, "sentence": f"{anomaly.sentence}; so since {since}"})


def _is_above(anomaly: Anomaly) -> bool:
    return anomaly.observed > anomaly.expected
