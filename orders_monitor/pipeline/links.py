"""links: where in the UI a person looks and decides."""


def launchpad_url(table: str, ui_url: str) -> str:
    """Where a person decides in the UI."""
    return f"{ui_url}/locations/orders_monitor/jobs/{table}_review/playground"


def partition_url(table: str, stage: str, partition: str, ui_url: str) -> str:
    """The page of one partition of a stage."""
    return f"{ui_url}/assets/{table}/{stage}?view=partitions&partition={partition}"
