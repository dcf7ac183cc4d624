"""One table's whole monitor, in the order of a partition's way. The component is thin over this factory."""

import dagster as dg

from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline.candidate import candidate_asset
from orders_monitor.pipeline.expiry import expiry_sensor
from orders_monitor.pipeline.investigation import investigation_asset
from orders_monitor.pipeline.landed import landed_asset
from orders_monitor.pipeline.late import late_data_sensor
from orders_monitor.pipeline.messages import messages_check, messages_sensor
from orders_monitor.pipeline.plan import plan_asset
from orders_monitor.pipeline.profile import profile_asset
from orders_monitor.pipeline.publish import published_asset
from orders_monitor.pipeline.quality import quality_asset
from orders_monitor.pipeline.review import candidate_checks, review_job
from orders_monitor.pipeline.schedule import nightly_job, nightly_schedule, publish_job
from orders_monitor.pipeline.sensors import decisions_sensor, schema_drift_check, schema_drift_sensor, source_asset


def build_table_monitor(table: MonitoredTable) -> dg.Definitions:
    """The assets, checks, jobs, schedule and sensors of one declared table. It needs the resource `stores`."""
    nightly, publish = nightly_job(table), publish_job(table)
    return dg.Definitions(
        assets=[
            source_asset(table),
            landed_asset(table),
            profile_asset(table),
            quality_asset(table),
            investigation_asset(table),
            plan_asset(table),
            candidate_asset(table),
            published_asset(table),
        ],
        asset_checks=[schema_drift_check(table), messages_check(table), candidate_checks(table)],
        jobs=[nightly, publish, review_job(table)],
        schedules=[nightly_schedule(table, nightly)],
        sensors=[
            schema_drift_sensor(table, nightly),
            late_data_sensor(table, nightly),
            decisions_sensor(table, publish),
            expiry_sensor(table),
            messages_sensor(table),
        ],
    )
