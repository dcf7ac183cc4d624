"""sentences: what a value says to a person, in one line."""

from orders_monitor.core.claims import Claims
from orders_monitor.core.investigation import Spend
from orders_monitor.core.plan import PlannedAction
from orders_monitor.core.predicate import Predicate


def of_action(action: PlannedAction) -> str:
    """What an action does, in one line."""
    match action.kind:
        case "publish_as_is":
            return "publish the rows"
        case "rename_column":
            return f"read {action.to} from the landed column {action.column}"
        case "cast_column":
            return f"cast {action.column} to {action.type}"
        case "scale_column":
            return f"divide {action.column} by {action.divide_by}"
        case "quarantine_rows":
            return f"set aside the rows where {of_predicate(action.where)}"
        case "drop_duplicates":
            return "drop exact duplicates"
        case "accept_change":
            return f"go on without the new column {action.column}"
        case "hold":
            return f"hold: {action.why}"
        case "restore_version":
            return f"give version {action.version} back (publication {action.publication})"


def of_predicate(where: Predicate) -> str:
    """Which rows a predicate names, in words."""
    match where.kind:
        case "is_null":
            return f"{where.column} is missing"
        case "not_in":
            return f"{where.column} is none of {', '.join(where.values)}"
        case "out_of_range":
            bounds = (("below", where.minimum), ("above", where.maximum))
            return f"{where.column} is " + " or ".join(f"{side} {bound}" for side, bound in bounds if bound is not None)
        case "not_matching":
            return f"{where.column} does not match {where.regex}"
        case "longer_than":
            return f"{where.column} has more than {where.characters} characters"


def of_spend(spend: Spend) -> str:
    """Spend against budget, in both currencies."""
    tokens = f"{spend.spent_tokens:,} of {spend.budget_tokens:,} tokens"
    return f"{tokens}, {of_money(spend.spent_micro_usd)} of {of_money(spend.budget_micro_usd)}"


def of_amount(tokens: int, micro_usd: int) -> str:
    """Tokens and what they cost."""
    return f"{tokens:,} tokens, {of_money(micro_usd)}"


def of_money(micro_usd: int) -> str:
    """Micro-dollars as dollars: cents always, and what is below a cent to the hundredth of one."""
    dollars, rest = f"{micro_usd / 1_000_000:,.4f}".split(".")
    return f"${dollars}.{rest[:2]}{rest[2:].rstrip('0')}"


def of_claims(claims: Claims) -> list[str]:
    """What the agent claims with what it cites, what of it is not used and why, and why a person decides."""
    kept = [f"the agent says: {claim.text} [{', '.join(claim.evidence)}]" for claim in claims.kept]
    dropped = [f"dropped, because {claim.why}: {claim.claim}" for claim in claims.dropped]
    return [*kept, *dropped, *(f"a person decides: {doubt}" for doubt in claims.doubts)]


def visible(text: str) -> str:
    """A text that came from data or model, for a terminal: nothing in it begins a line or moves the cursor."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def plain(text: str) -> str:
    """A text that came from data or model, as one line in which Markdown finds no table, link or image.

    Nothing in it turns the line around or cannot be seen, also not as a character that is spelt out (`&#x202e;`).
    """
    flat = visible(" ".join(text.split()))
    for mark in ("\\", "`", "|", "[", "]", "<", ">", "*", "!", "&", "~"):
        flat = flat.replace(mark, f"\\{mark}")
    # The UI makes a link of a bare address, escaped or not: a character of no width keeps it text.
    return flat.replace("://", ":\N{ZERO WIDTH SPACE}//").replace("www.", "www\N{ZERO WIDTH SPACE}.")
