"""Judges recorded cases with Prophet's own interval, for the side-by-side in docs/verdict.md.

Run by `cargo xtask scoreboard` in a virtual environment of its own. Reads a folder with `cases.json`
(a list of {"name", "file", "changed_at"}, moments in epoch seconds) and a CSV `timestamp,value` for
each case; writes one JSON object a line: {"name", "score", "alarm_at", "cpu_s", "wall_s"}. Processor
time includes the optimiser that Prophet starts as a process of its own.
"""

import json
import logging
import os
import sys
import time

logging.disable(logging.WARNING)

import pandas  # noqa: E402
from prophet import Prophet  # noqa: E402

# The interval that a value has to leave.
INTERVAL = 0.99


def cpu_s():
    """Processor seconds of this process and of those it started."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def judge(table, changed_at):
    """Largest distance in half-widths of the interval, and the first moment outside it."""
    table = table.dropna().drop_duplicates("timestamp", keep="last").sort_values("timestamp")
    frame = pandas.DataFrame(
        {"ds": pandas.to_datetime(table["timestamp"], unit="s"), "y": table["value"]}
    )
    since = (table["timestamp"] >= changed_at).to_numpy()
    model = Prophet(interval_width=INTERVAL)
    model.fit(frame[~since])
    forecast = model.predict(frame.loc[since, ["ds"]])
    values = frame.loc[since, "y"].to_numpy()
    half = ((forecast["yhat_upper"] - forecast["yhat_lower"]) / 2).clip(lower=1e-9).to_numpy()
    away = abs(values - forecast["yhat"].to_numpy()) / half
    low, high = forecast["yhat_lower"].to_numpy(), forecast["yhat_upper"].to_numpy()
    outside = (values < low) | (values > high)
    moments = table.loc[since, "timestamp"].to_numpy()
    alarm_at = float(moments[outside][0]) if outside.any() else None
    return float(away.max()), alarm_at


def main(folder):
    """Every case in the order of the list."""
    with open(os.path.join(folder, "cases.json"), encoding="utf-8") as file:
        cases = json.load(file)
    for case in cases:
        table = pandas.read_csv(os.path.join(folder, case["file"]))
        cpu, wall = cpu_s(), time.monotonic()
        score, alarm_at = judge(table, case["changed_at"])
        answer = {
            "name": case["name"],
            "score": score,
            "alarm_at": alarm_at,
            "cpu_s": cpu_s() - cpu,
            "wall_s": time.monotonic() - wall,
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
