"""How things look: text, HTML and the facts for panels."""

from __future__ import annotations

import math

import pytest

from jupyter_ml.toolkit.display import words
from jupyter_ml.toolkit.display.bundle import bounded, finite
from jupyter_ml.toolkit.display.chart import line_chart
from jupyter_ml.toolkit.display.comparison import shown_comparison
from jupyter_ml.toolkit.display.endpoint import shown_endpoint
from jupyter_ml.toolkit.display.failure import Detached, Failure, TrainingFailed
from jupyter_ml.toolkit.display.job import shown_job, shown_jobs, status_line

CARD = {
    "TrainingJobName": "cancer-2",
    "TrainingJobStatus": "InProgress",
    "SecondaryStatus": "Training",
    "StatusMessage": "Training in progress",
    "TrainingStartTime": 100.0,
    "Progress": {"Current": 4, "Total": 10, "Fraction": 0.4, "EtaSeconds": 9.0},
    "Objective": {"Name": "auc", "Value": 0.98765, "Delta": 0.0041, "Baseline": "cancer-1"},
}
FAILURE = {
    "Reason": "AlgorithmError",
    "Message": "ValueError: <bad> depth",
    "Frames": [
        {"File": "cell.py", "Line": 3, "Function": "<module>", "InCell": True},
        {"File": "/lib/x.py", "Line": 9, "Function": "fit", "InCell": False},
    ],
    "Source": [{"Number": n, "Text": f"line {n}"} for n in range(1, 9)],
    "LogTail": ["first", "last & least"],
    "PeakMemoryMb": 7936,
    "MemoryLimitMb": 8192,
    "ExitCode": 1,
}


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.98765, "0.9877"), (3.0, "3"), (1234567.0, "1.235e+06"), (math.nan, "nan")],
)
def test_numbers_have_four_digits(value, text):
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("count", "text"), [(80, "80 B"), (80_400, "80.4 kB"), (999_900, "1 MB"), (3.2e9, "3.2 GB")]
)
def test_sizes_have_the_unit_that_people_use(count, text):
    assert words.size(count) == text


def test_a_running_job_is_one_line():
    assert status_line(CARD, now=103.0) == (
        "cancer-2 · Training in progress · 40% · 9.0 s left · "
        "auc 0.9877 (+0.0041 vs cancer-1) · 3.0 s"
    )


def test_a_job_that_ran_out_of_time_says_so():
    ended = {"TrainingJobStatus": "Stopped", "SecondaryStatus": "MaxRuntimeExceeded"}
    assert "Stopped at its time limit" in status_line(CARD | ended, now=103.0)


def test_a_job_is_shown_as_text_html_and_panel():
    series = {"Name": "auc", "Steps": [0, 1], "Times": [1.0, 2.0], "Values": [0.5, 0.75]}
    shown = shown_job({"Card": CARD, "Series": [series], "Ended": False})
    assert shown.text.startswith("cancer-2 · Training in progress")
    assert shown.panel == "TrainingJob"
    assert shown.input == {"TrainingJobName": "cancer-2"}
    assert "<svg" in shown.html
    assert "auc: 2 points, last 0.75" in shown.html
    assert "<script" not in shown.html


def test_an_empty_list_says_how_to_begin():
    assert "%%ml train" in shown_jobs({"Jobs": []}).text


def test_a_failure_names_line_memory_and_last_words():
    failure = Failure("cancer-3", FAILURE)
    text = repr(failure)
    assert text.startswith("cancer-3 failed in line 3: ValueError: <bad> depth")
    assert "exit code 1 · peak memory 7.8 GiB of 8.0 GiB" in text
    assert "→   3  line 3" in text
    assert "line 7" not in text
    assert "raised in fit() at /lib/x.py:9" in text
    assert "last & least" in text
    assert "rerun(here=True)" in text
    html = failure._repr_html_()
    assert "&lt;bad&gt;" in html
    assert 'role="alert"' in html


def test_errors_show_themselves_without_frames():
    failed = TrainingFailed(Failure("cancer-3", FAILURE), "Failed")
    assert failed._render_traceback_()[0].startswith("cancer-3 failed in line 3")
    (sentence,) = Detached("cancer-3")._render_traceback_()
    assert "goes on in the background" in sentence


def test_a_chart_leaves_out_what_is_not_finite_and_survives_one_point():
    assert line_chart("loss", [("loss", [0], [math.nan])]) == ""
    assert "<circle" in line_chart("loss", [("loss", [0, 1], [1.0, math.inf])])
    assert "&lt;b&gt;" in line_chart("<b>", [("<b>", [0, 1], [1.0, 2.0])])


def test_a_snapshot_is_small_and_has_only_numbers_that_json_knows():
    count = 100_000
    series = {
        "Name": "loss",
        "Steps": list(range(count)),
        "Times": [float(n) for n in range(count)],
        "Values": [math.sin(n) for n in range(count)],
    }
    (thin,) = bounded({"Series": [series]})["Series"]
    assert len(thin["Values"]) <= 510
    assert thin["Steps"][-1] == count - 1
    assert finite({"a": [math.nan, 1.0], "b": (math.inf,)}) == {"a": [None, 1.0], "b": [None]}


def test_an_endpoint_says_where_it_answers_and_how_to_ask_without_showing_its_token():
    update = {
        "Card": {
            "EndpointName": "cancer",
            "EndpointStatus": "InService",
            "Url": "http://127.0.0.1:1/invocations",
            "TokenFile": "/a folder/token",
            "Requests": 0,
        },
        "SelfTest": {"Passed": True, "Message": ""},
        "Schema": {"ContentType": "application/json", "SampleRequest": "[[1]]"},
    }
    text = shown_endpoint(update, 1.23).text
    assert text.startswith(
        "InService in 1.2 s · self-test passed · http://127.0.0.1:1/invocations · curl"
    )
    assert "$(cat '/a folder/token')" in text


def test_libraries_that_differ_from_those_of_the_job_are_told_in_the_line():
    update = {
        "Card": {"EndpointName": "cancer", "EndpointStatus": "InService"},
        "SelfTest": {"Passed": True},
        "Checks": [
            {"Library": "python", "Trained": "3.11.7", "Serving": "3.11.7", "Ok": True},
            {"Library": "scikit-learn", "Trained": "1.4.2", "Serving": "1.9.0", "Ok": False},
            {"Library": "xgboost", "Trained": "3.0.1", "Serving": "", "Ok": False},
        ],
    }
    shown = shown_endpoint(update, None)
    told = (
        "trained with scikit-learn 1.4.2, served with 1.9.0; trained with xgboost 3.0.1, not here"
    )
    assert told in shown.text
    assert told in shown.html
    assert "python" not in shown.text


def test_an_endpoint_says_what_answers_and_why():
    message = "Compiled by ONNX Runtime 1.32.0: 27 times faster for one row."
    compiled = {"Status": "Compiled", "Message": message, "Engine": "ONNX Runtime 1.32.0"}
    card = {"EndpointName": "cancer", "EndpointStatus": "InService"}
    shown = shown_endpoint({"Card": card, "Compilation": {**compiled, "Speedup": 27.2}}, None)
    assert "27 times faster by ONNX Runtime 1.32.0" in shown.text
    assert message in shown.html
    native = {"Status": "Native", "Message": "Served natively: it is <small>."}
    shown = shown_endpoint({"Card": card, "Compilation": native}, None)
    assert "Served natively: it is &lt;small&gt;." in shown.html


def test_a_comparison_shows_what_differs_and_nothing_else():
    answer = {
        "Runs": [{"Name": "a"}, {"Name": "b"}],
        "Parameters": [
            {"Name": "depth", "Values": ["3", "5"], "Differs": True},
            {"Name": "seed", "Values": ["0", "0"], "Differs": False},
        ],
        "Metrics": [{"Name": "auc", "Values": [0.5, 0.75], "Deltas": [None, 0.25], "BestIndex": 1}],
        "Inputs": [],
        "Environment": [],
        "Source": [{"From": "a", "To": "b", "Unified": "-x = 1\n+x = <2>\n"}],
        "Series": [],
    }
    shown = shown_comparison(answer, ["a", "b"])
    assert "depth" in shown.text
    assert "seed" not in shown.text
    assert "0.75 (+0.25) ★" in shown.text
    assert "+x = <2>" in shown.text
    assert "x = &lt;2&gt;" in shown.html
