"""What becomes of each member of the requests that training takes."""

from __future__ import annotations

from typing import Final

_NO_CLOUD: Final = "recorded: it concerns SageMaker's machines, and the work runs on this one"
_LATER: Final = "rejected: this version does not have it; leave it out"

MEMBERS: Final[dict[str, dict[str, str]]] = {
    "CreateTrainingJob": {
        "TrainingJobName": "used",
        "HyperParameters": "used",
        "AlgorithmSpecification": "used",
        "AlgorithmSpecification.EnableSageMakerMetricsTimeSeries": (
            "recorded: metrics are always kept as time series"
        ),
        "AlgorithmSpecification.ContainerEntrypoint": "used",
        "AlgorithmSpecification.ContainerArguments": "used",
        "AlgorithmSpecification.TrainingImageConfig": (
            "rejected: no image is pulled; leave it out"
        ),
        "RoleArn": "recorded: there are no roles on one machine; work runs as its owner",
        "InputDataConfig": "used",
        "InputDataConfig.ShuffleConfig": (
            "rejected: files in a folder have no order to shuffle; shuffle in the script"
        ),
        "InputDataConfig.DataSource.FileSystemDataSource": (
            "rejected: give the mounted folder as S3DataSource with a file:// S3Uri"
        ),
        "InputDataConfig.DataSource.DatasetSource": _LATER,
        "InputDataConfig.DataSource.S3DataSource.AttributeNames": (
            "rejected: augmented manifests are not read in this version; leave it out"
        ),
        "InputDataConfig.DataSource.S3DataSource.InstanceGroupNames": (
            "rejected: all instances of a job are of one type; leave it out"
        ),
        "InputDataConfig.DataSource.S3DataSource.ModelAccessConfig": _LATER,
        "InputDataConfig.DataSource.S3DataSource.HubAccessConfig": _LATER,
        "OutputDataConfig": "used",
        "OutputDataConfig.KmsKeyId": "rejected: artifacts are not encrypted; leave it out",
        "ResourceConfig": "used",
        "ResourceConfig.VolumeSizeInGB": (
            "recorded: jobs share the workspace's disk, whose free space is checked before data "
            "is copied"
        ),
        "ResourceConfig.VolumeKmsKeyId": "rejected: the disk is not encrypted; leave it out",
        "ResourceConfig.InstanceGroups": (
            "rejected: give InstanceType and InstanceCount; all instances are of one type"
        ),
        "ResourceConfig.TrainingPlanArn": (
            "rejected: there is no capacity to reserve; leave it out"
        ),
        "ResourceConfig.InstancePlacementConfig": (
            "rejected: there is one machine to be placed on; leave it out"
        ),
        "ResourceConfig.InstancePreferences": "rejected: give one InstanceType",
        "ResourceConfig.SelectedInstanceType": "rejected: give InstanceType",
        "ResourceConfig.SelectedInstanceCount": "rejected: give InstanceCount",
        "VpcConfig": "rejected: there is no virtual private cloud here; leave it out",
        "StoppingCondition": "used",
        "StoppingCondition.MaxWaitTimeInSeconds": (
            "rejected: there is no spot capacity to wait for; leave it out"
        ),
        "StoppingCondition.MaxPendingTimeInSeconds": _LATER,
        "Tags": "used",
        "EnableNetworkIsolation": "used",
        "EnableInterContainerTrafficEncryption": (
            "recorded: instances of a job talk inside this machine"
        ),
        "EnableManagedSpotTraining": (
            "rejected: there is no spot capacity on one machine; leave it out"
        ),
        "CheckpointConfig": _LATER,
        "DebugHookConfig": "recorded: tensors are not collected in this version",
        "DebugHookConfig.HookParameters": _LATER,
        "DebugHookConfig.CollectionConfigurations": _LATER,
        "DebugRuleConfigurations": _LATER,
        "TensorBoardOutputConfig": _LATER,
        "ExperimentConfig": "used",
        "ProfilerConfig": "recorded: CPU and memory of every job are sampled each second",
        "ProfilerConfig.ProfilingParameters": _LATER,
        "ProfilerRuleConfigurations": _LATER,
        "Environment": "used",
        "RetryStrategy": "used",
        "RemoteDebugConfig": _NO_CLOUD,
        "RemoteDebugConfig.EnableRemoteDebug": (
            "rejected: the job runs on this machine; attach to its process directly"
        ),
        "InfraCheckConfig": _NO_CLOUD,
        "InfraCheckConfig.EnableInfraCheck": _LATER,
        "SessionChainingConfig": _NO_CLOUD,
        "SessionChainingConfig.EnableSessionTagChaining": (
            "rejected: there are no sessions to chain"
        ),
        "ServerlessJobConfig": _LATER,
        "MlflowConfig": _LATER,
        "ModelPackageConfig": _LATER,
    },
    "StopTrainingJob": {"TrainingJobName": "used"},
    "DescribeTrainingJob": {"TrainingJobName": "used"},
    "DeleteTrainingJob": {"TrainingJobName": "used"},
    "ListTrainingJobs": {
        "NextToken": "used",
        "MaxResults": "used",
        "CreationTimeAfter": "used",
        "CreationTimeBefore": "used",
        "LastModifiedTimeAfter": "used",
        "LastModifiedTimeBefore": "used",
        "NameContains": "used",
        "StatusEquals": "used",
        "SortBy": "used",
        "SortOrder": "used",
        "WarmPoolStatusEquals": "rejected: there are no warm pools; leave it out",
        "TrainingPlanArnEquals": "rejected: there is no capacity to reserve; leave it out",
    },
    "WatchTrainingJobs": {
        "Cursor": "used",
        "NameContains": "used",
        "StatusEquals": "used",
        "MaxResults": "used",
        "PageSize": "used",
    },
    "WatchTrainingJob": {"TrainingJobName": "used", "Cursor": "used"},
}
