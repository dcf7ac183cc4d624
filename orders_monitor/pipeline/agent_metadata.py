"""What the UI shows of the agent: how it ended, what it claims, which failure modes were seen, spend against budget."""

import dagster as dg

from orders_monitor.core.failure_modes import FAILURE_MODES, MEANINGS
from orders_monitor.core.investigation import Alert, Ending, Investigation, Spend
from orders_monitor.pipeline import keys, metadata, sentences, tables
from orders_monitor.pipeline.metadata import Metadata
from orders_monitor.pipeline.sentences import plain

# The conversation ended where it did because nothing more could be bought.
ENDED_BY_BUDGET: tuple[Ending, ...] = ("budget_exhausted", "finalised")

AS_WRITTEN = (
    "As the model wrote them. The plan has those whose evidence held when code tried it again, with code's numbers."
)


def of_investigation(found: Investigation, *, breaker: str) -> Metadata:
    """investigation: how it ended, what it claims, and spend against budget."""
    claims = [f"- {plain(f.claim)} ({', '.join(f'`{plain(e)}`' for e in f.evidence)})" for f in found.findings]
    return {
        metadata.ENDING: dg.MetadataValue.text(f"{found.ending}: {found.why}"),
        metadata.MODEL: dg.MetadataValue.text(found.model),
        metadata.RELEASE: dg.MetadataValue.text(found.release),
        metadata.BREAKER: dg.MetadataValue.text(breaker),
        metadata.FINDINGS: dg.MetadataValue.md("\n".join([*claims, "", AS_WRITTEN]) if claims else "no findings"),
        metadata.MEANING: dg.MetadataValue.text(_meaning(found.ending)),
        metadata.ALERTS: tables.records([_alert(alert) for alert in found.alerts]),
        metadata.TOOL_CALLS: dg.MetadataValue.int(len(found.tool_calls)),
        **of_spend(found.spend),
    }


def of_spend(spend: Spend) -> Metadata:
    """The numbers of a run's budget: Dagster plots them over the partitions."""
    counts = {name: dg.MetadataValue.int(number) for name, number in _amounts(spend).items()}
    return {
        **counts,
        metadata.MODEL_CALLS: dg.MetadataValue.int(spend.calls),
        metadata.CACHE_SHARE: dg.MetadataValue.float(round(spend.cache_share, 4)),
    }


def run_tags_of(found: Investigation, *, breaker: str) -> dict[str, str]:
    """The run's tags: budget and spend, so that the Runs page can be filtered by them."""
    said = {
        **_amounts(found.spend),
        metadata.CACHE_SHARE: f"{found.spend.cache_share:.4f}",
        metadata.MODEL: found.model,
        metadata.RELEASE: found.release,
        metadata.ENDING: found.ending,
        metadata.ALERTS: ",".join(dict.fromkeys(alert.mode for alert in found.alerts)) or "none",
        metadata.BREAKER: breaker.partition(";")[0].partition(" ")[0],
    }
    return {f"orders_monitor/{name}": str(value) for name, value in said.items()}


def budget_check(found: Investigation) -> dg.AssetCheckResult:
    """The check `budget`: amber where the budget ended the conversation, or where something may have been billed."""
    spend, why = found.spend, sentences.of_spend(found.spend)
    unknown = spend.reserved_tokens > 0 or spend.reserved_micro_usd > 0
    if found.ending in ENDED_BY_BUDGET:
        why = f"{why}; {found.ending}: {found.why}"
    if unknown:
        held = sentences.of_amount(spend.reserved_tokens, spend.reserved_micro_usd)
        why = f"{why}; still held, of unknown outcome: {held}"
    return dg.AssetCheckResult(
        check_name=keys.BUDGET,
        passed=found.ending not in ENDED_BY_BUDGET and not unknown,
        severity=dg.AssetCheckSeverity.WARN,
        description=why,
        metadata=of_spend(spend),
    )


def _alert(alert: Alert) -> dict[str, str]:
    """A failure mode that was seen, with what it may have cost, what to do, and whose it is."""
    mode = FAILURE_MODES.get(alert.mode)
    known = {"impact": "", "recovery": "", "owner": ""} if mode is None else mode.model_dump()
    row = {"mode": alert.mode, "seen": plain(alert.why)}
    return {**row, **{name: str(known[name]) for name in ("impact", "recovery", "owner")}}


def _meaning(ending: Ending) -> str:
    """What the ending means for the person who finds it in the morning."""
    meaning = MEANINGS[ending]
    return f"{meaning.what}; {meaning.to_do}"


def _amounts(spend: Spend) -> dict[str, int]:
    return {
        metadata.BUDGET_TOKENS: spend.budget_tokens,
        metadata.RESERVED_TOKENS: spend.reserved_tokens,
        metadata.SPENT_TOKENS: spend.spent_tokens,
        metadata.REMAINING_TOKENS: spend.remaining_tokens,
        metadata.BUDGET_MICRO_USD: spend.budget_micro_usd,
        metadata.RESERVED_MICRO_USD: spend.reserved_micro_usd,
        metadata.SPENT_MICRO_USD: spend.spent_micro_usd,
        metadata.REMAINING_MICRO_USD: spend.remaining_micro_usd,
    }
