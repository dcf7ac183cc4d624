"""Detectors that people would pick instead, on the day vectors of the benchmark `detection`; runs in `.venv-bench`.

    .venv-bench/bin/python detectors.py vectors.json scores.json

`vectors.json`: `days` (a list of lists of numbers or null, one a metric), `rows` (one metric a day), `trained`, and
`trials`, each with the place of its first day and its `days`. `scores.json`: by detector the `ordinary` scores of the
days after `trained` and the scores of each trial's days; a higher one is more unusual. Each detector is fitted again
every so many days on all days before, and never on a day that it scores or on one after it.
"""

import json
import math
import sys
import warnings
from pathlib import Path

import numpy as np

REFIT_DAYS = 10
SEED = 7
SEASON = 6  # the shop trades on six days a week


def pyod_detectors():
    """Five of PyOD's, with its own settings."""
    from pyod.models.ecod import ECOD  # noqa: PLC0415 - heavy
    from pyod.models.iforest import IForest  # noqa: PLC0415 - heavy
    from pyod.models.knn import KNN  # noqa: PLC0415 - heavy
    from pyod.models.lof import LOF  # noqa: PLC0415 - heavy
    from pyod.models.pca import PCA  # noqa: PLC0415 - heavy

    return {
        "PyOD KNN": KNN,
        "PyOD LOF": LOF,
        "PyOD PCA": lambda: PCA(random_state=SEED),
        "PyOD IForest": lambda: IForest(random_state=SEED),
        "PyOD ECOD": ECOD,
    }


class Scaled:
    """A detector behind medians for what is missing and robust scaling, fitted on some days."""

    def __init__(self, make, days):
        self.middle = np.nan_to_num(np.nanmedian(days, axis=0))
        filled = np.where(np.isnan(days), self.middle, days)
        spread = 1.4826 * np.median(np.abs(filled - self.middle), axis=0)
        self.spread = np.where(spread > 1e-9, spread, np.maximum(filled.std(axis=0), 1e-3))
        self.detector = make()
        self.detector.fit(self.scaled(days))

    def scaled(self, days):
        filled = np.where(np.isnan(days), self.middle, days)
        return np.clip((filled - self.middle) / self.spread, -1e3, 1e3)

    def scores(self, days):
        return self.detector.decision_function(self.scaled(days))


class RobustZ:
    """The largest distance of any metric from its median: what a threshold for each metric amounts to."""

    def fit(self, _):
        """The scaling has learned it all."""

    def decision_function(self, days):
        return np.abs(days).max(axis=1)


def with_vectors(make, days, trained, trials):
    """Scores of one detector over whole vectors."""
    ordinary, of_trials = [], [[] for _ in trials]
    for start in range(trained, len(days), REFIT_DAYS):
        fitted = Scaled(make, days[:start])
        stop = min(len(days), start + REFIT_DAYS)
        ordinary += fitted.scores(days[start:stop]).tolist()
        for number, trial in enumerate(trials):
            inside = [v for place, v in enumerate(trial["days"], start=trial["at"]) if start <= place < stop]
            if inside:
                of_trials[number] += fitted.scores(np.array(inside, dtype=float)).tolist()
    return {"ordinary": ordinary, "trials": of_trials}


def with_forecasts(days, metric, trained, trials):
    """AutoETS of the rows a day, the best that people use for one metric: how far outside its own band a day is."""
    from statsforecast.models import AutoETS  # noqa: PLC0415 - heavy

    values = days[:, metric]
    ordinary, of_trials = [], [[] for _ in trials]
    for place in range(trained, len(days)):
        forecast = AutoETS(season_length=SEASON).forecast(values[max(0, place - 120) : place], h=1, level=[68])
        middle = float(forecast["mean"][0])
        sigma = max(1e-6, float(forecast["hi-68"][0]) - middle)
        ordinary.append(abs(values[place] - middle) / sigma)
        for number, trial in enumerate(trials):
            inside = place - trial["at"]
            if 0 <= inside < len(trial["days"]):
                of_trials[number].append(abs(trial["days"][inside][metric] - middle) / sigma)
    return {"ordinary": ordinary, "trials": of_trials}


def main(source, target):
    warnings.simplefilter("ignore")
    told = json.loads(Path(source).read_text())
    days, trials, trained = np.array(told["days"], dtype=float), told["trials"], told["trained"]
    detectors = {"robust z of every metric": RobustZ, **pyod_detectors()}
    scores = {name: with_vectors(make, days, trained, trials) for name, make in detectors.items()}
    scores["AutoETS of rows"] = with_forecasts(days, told["rows"], trained, trials)
    assert all(math.isfinite(s) for found in scores.values() for s in found["ordinary"])
    Path(target).write_text(json.dumps(scores))


if __name__ == "__main__":
    main(*sys.argv[1:])
