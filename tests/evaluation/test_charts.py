"""The pictures: well-formed, escaped, and drawn where the numbers say."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from homutune.evaluation import _charts as charts


def test_labels_are_escaped() -> None:
    hostile = "<script>&</script>"
    picture = charts.interval_plot([charts.IntervalRow(hostile, 0.1, None, "unclear")], hostile)
    assert "<script>" not in picture
    ElementTree.fromstring(picture)


def test_a_gain_stands_right_of_zero_inside_its_interval() -> None:
    rows = [
        charts.IntervalRow("gain", 0.3, (0.1, 0.5), "better"),
        charts.IntervalRow("loss", -0.3, (-0.5, -0.1), "worse"),
    ]
    picture = charts.interval_plot(rows, "t")
    zero = float(re.findall(r'x1="([\d.]+)"[^>]*class="zero"', picture)[0])
    gain, loss = (float(x) for x in re.findall(r'<circle cx="([\d.]+)"', picture))
    whisker = re.findall(r'x1="([\d.]+)"[^>]*x2="([\d.]+)"[^>]*class="whisker better"', picture)
    assert loss < zero < gain
    assert gain - zero == pytest.approx(zero - loss, abs=0.2)
    assert float(whisker[0][0]) < gain < float(whisker[0][1])


def test_ticks_are_round_and_reach_the_peak() -> None:
    assert charts._round_ticks(2.62, smallest=0.01) == [0, 0.5, 1, 1.5, 2, 2.5, 3]
    assert charts._round_ticks(112, smallest=1) == [0, 20, 40, 60, 80, 100, 120]
    assert charts._round_ticks(1, smallest=1) == [0, 1]


def test_loss_curve_of_a_single_point_is_drawn() -> None:
    ElementTree.fromstring(charts.loss_plot([], [(0, 0.0)], "t"))
