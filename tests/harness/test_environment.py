from __future__ import annotations

import json
from pathlib import Path

from jupyter_ml.harness.environment import Facts, arguments, user_hyperparameters, variables
from jupyter_ml.harness.layout import Layout, resource_config

HYPERPARAMETERS = {
    "depth": "3",
    "name": '"forest"',
    "plain": "text",
    "layers": "[1, 2]",
    "options": '{"b": 1, "a": "x"}',
    "k": "true",
    "sagemaker_program": '"train.py"',
    "sagemaker_container_log_level": "20",
    "_tuning_objective_metric": '"loss"',
}


def test_json_strings_are_decoded_and_the_toolkits_own_left_out() -> None:
    assert user_hyperparameters(HYPERPARAMETERS) == {
        "depth": 3,
        "name": "forest",
        "plain": "text",
        "layers": [1, 2],
        "options": {"b": 1, "a": "x"},
        "k": True,
    }


def test_flags_are_in_the_order_of_their_names() -> None:
    assert arguments(user_hyperparameters(HYPERPARAMETERS)) == [
        *("--depth", "3"),
        *("-k", "True"),
        *("--layers", "[1, 2]"),
        *("--name", "forest"),
        *("--options", "a=x,b=1"),
        *("--plain", "text"),
    ]


def test_the_environment_is_that_of_the_training_toolkit() -> None:
    facts = Facts(
        job_name="job-1",
        arn="arn:job-1",
        region="eu-west-1",
        hyperparameters=HYPERPARAMETERS,
        resource_config=resource_config(1, 2, "ml.m5.large"),
        input_data_config={"train": {"TrainingInputMode": "File"}},
        cpus=2,
        gpus=0,
        main_port=20_123,
        program="pkg/train.py",
        source_uri="s3://bucket/sourcedir.tar.gz",
    )
    found = variables(Layout(Path("/w/ml")), facts)
    expected = {
        "SM_HOSTS": '["algo-1","algo-2"]',
        "SM_CURRENT_HOST": "algo-2",
        "SM_CURRENT_INSTANCE_TYPE": "ml.m5.large",
        "SM_CURRENT_INSTANCE_GROUP": "homogeneousCluster",
        "SM_CURRENT_INSTANCE_GROUP_HOSTS": '["algo-1","algo-2"]',
        "SM_INSTANCE_GROUPS": '["homogeneousCluster"]',
        "SM_DISTRIBUTION_INSTANCE_GROUPS": '["homogeneousCluster"]',
        "SM_IS_HETERO": "false",
        "SM_NETWORK_INTERFACE_NAME": "lo",
        "SM_USER_ENTRY_POINT": "pkg/train.py",
        "SM_MODULE_NAME": "train",
        "SM_MODULE_DIR": "s3://bucket/sourcedir.tar.gz",
        "SM_FRAMEWORK_MODULE": "",
        "SM_LOG_LEVEL": "20",
        "SM_NUM_CPUS": "2",
        "SM_NUM_GPUS": "0",
        "SM_NUM_NEURONS": "0",
        "SM_MODEL_DIR": "/w/ml/model",
        "SM_INPUT_DIR": "/w/ml/input",
        "SM_INPUT_CONFIG_DIR": "/w/ml/input/config",
        "SM_OUTPUT_DIR": "/w/ml/output",
        "SM_OUTPUT_DATA_DIR": "/w/ml/output/data",
        "SM_OUTPUT_INTERMEDIATE_DIR": "/w/ml/output/intermediate",
        "SM_CHANNELS": '["train"]',
        "SM_CHANNEL_TRAIN": "/w/ml/input/data/train",
        "SM_HP_DEPTH": "3",
        "SM_HP_NAME": "forest",
        "SM_HP_LAYERS": "[1,2]",
        "SM_INPUT_DATA_DIR": "/w/ml/input/data",
        "SM_OUTPUT_FAILURE": "/w/ml/output/failure",
        "SM_SOURCE_DIR": "/w/ml/code",
        "SM_ENTRY_SCRIPT": "pkg/train.py",
        "SM_HOST_COUNT": "2",
        "SM_CURRENT_HOST_RANK": "1",
        "SM_MASTER_ADDR": "127.0.0.1",
        "SM_MASTER_PORT": "20123",
        "TRAINING_JOB_NAME": "job-1",
        "AWS_REGION": "eu-west-1",
        "SAGEMAKER_BASE_DIR": "/w/ml",
    }
    assert {name: found.get(name) for name in expected} == expected
    assert json.loads(found["SM_HPS"])["options"] == {"a": "x", "b": 1}
    assert json.loads(found["SM_USER_ARGS"])[:2] == ["--depth", "3"]
    assert json.loads(found["SM_RESOURCE_CONFIG"])["current_host"] == "algo-2"
    assert json.loads(found["SM_INPUT_DATA_CONFIG"]) == {"train": {"TrainingInputMode": "File"}}
    assert json.loads(found["SM_FRAMEWORK_PARAMS"])["sagemaker_program"] == "train.py"
    training = json.loads(found["SM_TRAINING_ENV"])
    assert (training["is_master"], training["master_hostname"]) == (False, "algo-1")
