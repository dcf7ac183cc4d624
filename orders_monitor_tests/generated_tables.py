"""Tables that look like other people's, made by DuckDB: a table, a day and its number of rows give the same rows."""

from collections.abc import Mapping
from pathlib import Path

import duckdb

# `i` is the row, `d` the day since 1970; r(n) is a number below n that follows from row, day and its place.
_PAYMENTS = """
    d * 100000 + i AS payment_id,
    'P-' || d || '-' || lpad(i::VARCHAR, 6, '0') AS order_ref,
    ['card', 'sepa', 'paypal', 'voucher'][1 + r(1, 10) % 4 * (r(2, 3) % 2)] AS method,
    ((5 + r(3, 20000)) / 100)::DECIMAL(12, 2) AS gross_amount,
    ((5 + r(3, 20000)) / 119)::DECIMAL(12, 2) AS net_amount,
    (25 + r(4, 300))::DECIMAL(12, 2) / 100 AS provider_fee,
    r(5, 100) < 96 AS is_captured,
    CASE WHEN r(5, 100) >= 96 THEN ['declined', 'expired', 'fraud'][1 + r(6, 3)] END AS failure_reason,
    400000 + r(7, 300) * 7 AS card_prefix,
    day + to_seconds(r(8, 86400)) AS paid_at,
    day::DATE + (1 + r(9, 3))::INTEGER AS settled_on,
    'DE' || lpad(r(10, 1000000000)::VARCHAR, 20, '0') AS iban,
    round(r(11, 10000) / 10000.0, 4) AS risk_score
"""
_EVENTS = """
    md5(d || ':' || i) AS event_id,
    left(md5('s' || d || ':' || i // 7), 16) AS session_key,
    ['Firefox/128', 'Chrome/126', 'Safari/17.5', 'Edge/126', 'curl/8'][1 + least(r(1, 5), r(2, 5))] AS user_agent,
    '/item/' || r(3, 15) * r(4, 15) AS page_path,
    (r(5, 300) * r(6, 300) // 10) AS dwell_ms,
    r(7, 50) = 0 AS is_bot,
    CASE WHEN r(8, 10) < 4 THEN ['search', 'newsletter', 'social', 'partner'][1 + r(9, 4)] END AS referrer,
    (10 + r(10, 90)) || '.' || r(11, 255) || '.' || r(12, 255) || '.' || r(13, 255) AS ip,
    timezone('UTC', day + to_milliseconds(r(14, 86400000))) AS happened_at,
    [360, 390, 414, 768, 1280, 1440, 1920][1 + r(15, 7)] AS screen_width,
    CASE WHEN r(16, 100) < 95 THEN 200 WHEN r(16, 100) < 98 THEN 404 ELSE 500 END AS http_status
"""
_READINGS = """
    'dev-' || lpad((i % 80)::VARCHAR, 4, '0') AS device,
    round(15 + sin(i / 300.0) * 8 + r(1, 200) / 100.0 + d % 5, 2) AS temperature_c,
    round(40 + r(2, 300) / 10.0, 1) AS humidity_pct,
    100 - (i % 80 + d) % 60 - r(3, 4) AS battery_pct,
    ['2.1.0', '2.1.1', '2.2.0', '3.0.0-rc1'][1 + (i % 80) // 23] AS firmware,
    round(48 + (i % 80) / 37.0, 5) AS latitude,
    round(9 + (i % 80) / 23.0, 5) AS longitude,
    day + to_seconds(i * 86400 // n) AS read_at,
    CASE WHEN r(4, 40) = 0 THEN 10 + r(5, 6) END AS fault_code,
    r(6, 1200) - 600 AS vibration
"""
_CUSTOMERS = """
    10000 + i AS customer_no,
    ['Anna', 'Ben', 'Carla', 'David', 'Eva', 'Felix'][1 + s(1, 6)] || ' ' ||
        ['Novak', 'Smith', 'Muller', 'Dupont', 'Garcia', 'Jansen', 'Rossi'][1 + s(2, 7)] AS full_name,
    ['Berlin', 'Paris', 'Praha', 'Lyon', 'Wien', 'Gent', 'Porto', 'Turin', 'Brno', 'Graz'][1 + s(3, 10)] AS city,
    DATE '1950-01-01' + s(4, 20000)::INTEGER AS birth_date,
    DATE '2015-01-01' + s(5, 3900)::INTEGER AS signed_up_on,
    ['private', 'business', 'reseller'][1 + least(s(6, 3), s(7, 3))] AS segment,
    s(8, 500) * s(9, 20) + r(1, 10) AS loyalty_points,
    '+49 ' || (150 + s(10, 30)) || ' ' || lpad(s(11, 10000000)::VARCHAR, 7, '0') AS phone,
    CASE WHEN s(6, 3) = 1 THEN 'DE' || lpad(s(12, 1000000000)::VARCHAR, 9, '0') END AS vat_number,
    s(13, 3) = 0 AS newsletter,
    (s(14, 100000) / 100)::DECIMAL(10, 2) AS credit_limit
"""
GENERATED: Mapping[str, str] = {
    "payments": _PAYMENTS,
    "web_events": _EVENTS,
    "readings": _READINGS,
    "customers": _CUSTOMERS,
}
_MACROS = (
    "CREATE MACRO r(place, n) AS ((hash(i * 1000003 + d * 31 + place * 7919) >> 8) % n)::BIGINT",
    "CREATE MACRO s(place, n) AS ((hash(i * 1000003 + place * 7919) >> 8) % n)::BIGINT",  # the same on every day
)


def write_generated(name: str, day: str, folder: Path, *, rows: int = 1_500) -> Path:
    """One day of a generated table as a Parquet file: on Sundays and Saturdays fewer rows, and never quite as many."""
    file = folder / f"{name}_{day}.parquet"
    with duckdb.connect() as connection:
        for macro in _MACROS:
            connection.execute(macro)
        query = f"""
            COPY (
                WITH days AS (
                    SELECT DATE '{day}'::TIMESTAMP AS day, DATE '{day}' - DATE '1970-01-01' AS d,
                        CASE WHEN isodow(DATE '{day}') > 5 THEN {rows * 7 // 10} ELSE {rows} END AS base
                ),
                numbered AS (
                    SELECT day, d, base + d * 37 % 60 AS n, unnest(range((base + d * 37 % 60)::BIGINT)) AS i FROM days
                )
                SELECT {GENERATED[name]} FROM numbered
            ) TO '{file}' (FORMAT parquet)
        """
        connection.execute(query)
    return file
