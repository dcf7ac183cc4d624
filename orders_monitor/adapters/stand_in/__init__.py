"""The model's stand-in: it speaks the Messages API without a model, honestly or in one of the ways a model goes wrong.

The way of a request: `transport` or `server` -> `service` -> `checks` -> a mode's mind -> `reply` -> `events`.
"""

from orders_monitor.adapters.stand_in.transport import StandIn as StandIn
