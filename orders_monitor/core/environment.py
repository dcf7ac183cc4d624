"""The environments in which the same declaration runs: a decision counts in its own one only."""

from typing import Literal

Environment = Literal["dev", "staging", "prod"]
