"""%ml and %%ml."""

from __future__ import annotations

import json
import time

import pytest
from IPython.core.completer import provisionalcompleter

from jupyter_ml.toolkit.magics import ml as magics


def test_loading_says_in_one_line_what_there_is(workspace, capsys, shell):
    capsys.readouterr()
    began = time.process_time()
    shell.run_line_magic("reload_ext", "jupyter_ml")
    assert time.process_time() - began < 0.3
    (line,) = capsys.readouterr().out.splitlines()
    assert str(workspace.settings.workspace) in line
    assert "CPU" in line
    assert line.endswith("ready")


def test_a_dry_run_shows_the_request_and_creates_nothing(run, workspace):
    run("train, depth = [1, 2], 3")
    printed = run("%%ml train --name cancer -o model --dry-run\nmodel = (train, depth)")
    request = json.loads(printed.partition(": ")[2] if printed.startswith("Out") else printed)
    assert request["TrainingJobName"] == "cancer-N"
    assert request["HyperParameters"]["depth"] == "3"
    assert workspace.call("ListTrainingJobs", {})["TrainingJobSummaries"] == []


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ("%ml trian", "Did you mean train?"),
        ("%%ml train --nmae x\n1", "Did you mean --name?"),
        ("%%ml train --name my_model\nx = 1", "Try 'my-model'"),
        ("%%ml train -o y\nx = 1", "never assigns 'y'"),
        ("%%ml train -i nothing\nx = 1", "no variable 'nothing'"),
        ("%%ml train\n%matplotlib inline", "Line 1 is IPython syntax"),
        ("%ml train", "Name a script"),
        ("%ml train --instance-count 0 x.py", "no number of instances"),
        ("%ml train --max-runtime soon x.py", "no time span"),
        ("%ml show nobody", "nobody"),
        ("%%ml status\nx", "takes no cell"),
        ("%ml compare one", "at least two"),
        ("%ml compare one two", "no training job or run 'one'"),
        ("ml.compare('one', 'two')", "no training job or run 'one'"),
        ("%%ml train --name two words\nx = 1", "'words'"),
        ("%%ml train -i print\nx = 1", "no variable 'print'"),
        ("%ml predict nowhere data", "nowhere"),
    ],
)
def test_misuse_is_answered_with_a_sentence_and_no_traceback(run, cell, sentence):
    printed = run(cell, fails=True)
    assert sentence in printed
    assert "Traceback" not in printed
    assert "File " not in printed


def test_every_verb_has_help(run):
    assert "--max-runtime" in run("%ml train --help")
    assert "--instance-count" in run("%ml deploy --help")
    assert "train" in run("%ml help")
    assert "--max-runtime" in run("%%train --help\n1")


def test_words_are_completed(shell):
    def completed(text):
        with provisionalcompleter():
            return [found.text for found in shell.Completer.completions(text, len(text))]

    assert "train" in completed("%ml tra")
    assert "--name" in completed("%%ml train --na")
    assert "--name" in completed("%%train --na")


def test_a_magic_of_that_name_is_left_to_its_owner(shell, capsys):
    def train(line, cell):
        return "theirs"

    shell.run_line_magic("unload_ext", "jupyter_ml")
    shell.register_magic_function(train, "cell")
    capsys.readouterr()
    shell.run_line_magic("load_ext", "jupyter_ml")
    assert "%%train belongs to another extension" in capsys.readouterr().out
    assert shell.run_cell_magic("train", "", "1") == "theirs"
    shell.run_line_magic("unload_ext", "jupyter_ml")
    assert shell.find_cell_magic("train") is train
    magics.register(shell)


def test_nothing_depends_on_the_name_ml(run):
    run("del ml")
    assert "cancer-N" in run("%%ml train --name cancer --dry-run\nx = 1")


def test_a_cell_runs_in_as_many_members_as_asked(run):
    cell = "import os\nprint(os.environ['SM_CURRENT_HOST'])"
    run(f"%%ml train --name members --instance-count 2 --wait\n{cell}")
    run("config = ml.job('members').describe()['ResourceConfig']")
    run("assert config['InstanceCount'] == 2")


def test_a_cell_that_awaits_runs_here_again(run):
    run("%%ml train --name waits --wait -o z\nimport asyncio\nawait asyncio.sleep(0)\nz = 3")
    run("assert ml.job('waits').rerun(here=True)['z'] == 3")


def test_an_input_that_is_named_and_cannot_be_sent_is_refused(run, workspace):
    run("import threading\nlock = threading.Lock()")
    printed = run("%%ml train -i lock\nprint(lock)", fails=True)
    assert "-i lock" in printed
    assert "it is a lock" in printed
    assert workspace.call("ListTrainingJobs", {})["TrainingJobSummaries"] == []


def test_runs_and_jobs_are_named_without_their_number(run):
    run("%%ml train --name first --wait\nml.log(auc=0.5)")
    run("with ml.run('second', depth=3):\n    ml.log(auc=0.7)")
    assert "second-1" in run("%ml compare first second")
    listed = run("%ml list runs")
    assert "first-1 " in listed
    assert "second-1 " in listed
    assert "aws-training-job" not in listed


def test_a_job_that_got_no_variables_lists_none(run, workspace):
    run("%%ml train --name bare --wait\nx = 1")
    assert workspace.call("WatchTrainingJob", {"TrainingJobName": "bare-1"})["Inputs"] == []
    assert "wrote nothing" in run("%ml logs bare")
    run("%%ml train --name other --wait\nx = 2")
    assert "Inputs" not in run("%ml compare bare other")
