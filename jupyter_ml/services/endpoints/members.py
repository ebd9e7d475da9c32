"""What becomes of each member of this service's requests."""

from __future__ import annotations

_NO_CLOUD = "rejected: there is no virtual private cloud here; leave it out"
_NO_ROLES = "recorded: there are no roles on one machine"
_ONE_VARIANT = "rejected: this version serves one production variant; leave it out"
_NO_KMS = "rejected: there is no key service here; leave it out"
_LATER = "rejected: this version does not do it yet; leave it out"
_ONE_CONTAINER = "rejected: this version serves one container for each model; leave it out"


def _container(path: str) -> dict[str, str]:
    return {
        path: "used",
        f"{path}.ContainerHostname": "recorded: one container answers, whatever it is called",
        f"{path}.ImageConfig": "rejected: images are not pulled here; leave it out",
        f"{path}.Mode": "used",
        f"{path}.ModelDataSource.S3DataSource.ModelAccessConfig": _LATER,
        f"{path}.ModelDataSource.S3DataSource.HubAccessConfig": _LATER,
        f"{path}.ModelDataSource.S3DataSource.ManifestS3Uri": _LATER,
        f"{path}.ModelDataSource.S3DataSource.ETag": _LATER,
        f"{path}.ModelDataSource.S3DataSource.ManifestEtag": _LATER,
        f"{path}.ModelDataSource.S3DataSource.S3DataType": (
            "recorded: whether it is an object or a folder is seen from what is there"
        ),
        f"{path}.ModelDataSource.S3DataSource.CompressionType": (
            "recorded: whether it is an archive is seen from what is there"
        ),
        f"{path}.AdditionalModelDataSources": _LATER,
        f"{path}.ModelPackageName": _LATER,
        f"{path}.InferenceSpecificationName": _LATER,
        f"{path}.MultiModelConfig": _LATER,
        f"{path}.ContainerMetricsConfig": _LATER,
    }


MEMBERS: dict[str, dict[str, str]] = {
    "CreateModel": {
        "ModelName": "used",
        **_container("PrimaryContainer"),
        **_container("Containers"),
        "InferenceExecutionConfig": _ONE_CONTAINER,
        "ExecutionRoleArn": _NO_ROLES,
        "Tags": "used",
        "VpcConfig": _NO_CLOUD,
        "EnableNetworkIsolation": "used",
    },
    "CreateEndpointConfig": {
        "EndpointConfigName": "used",
        "ProductionVariants": "used",
        "ProductionVariants.InstancePools": _LATER,
        "ProductionVariants.VariantInstanceProvisionTimeoutInSeconds": (
            "rejected: instances are not provisioned here; leave it out"
        ),
        "ProductionVariants.InitialVariantWeight": "used",
        "ProductionVariants.AcceleratorType": (
            "rejected: Elastic Inference is no longer available; leave it out"
        ),
        "ProductionVariants.CoreDumpConfig": _LATER,
        "ProductionVariants.ServerlessConfig": _LATER,
        "ProductionVariants.VolumeSizeInGB": (
            "recorded: the model lies on this machine's disk, in the workspace"
        ),
        "ProductionVariants.ModelDataDownloadTimeoutInSeconds": (
            "recorded: the model is on this machine already"
        ),
        "ProductionVariants.EnableSSMAccess": "rejected: there is no Systems Manager here",
        "ProductionVariants.ManagedInstanceScaling": _LATER,
        "ProductionVariants.RoutingConfig": _LATER,
        "ProductionVariants.InferenceAmiVersion": "rejected: there are no machine images here",
        "ProductionVariants.CapacityReservationConfig": (
            "rejected: capacity cannot be reserved here; leave it out"
        ),
        "ProductionVariants.AcceleratorPartitionLayouts": _LATER,
        "DataCaptureConfig": _LATER,
        "Tags": "used",
        "KmsKeyId": _NO_KMS,
        "AsyncInferenceConfig": _LATER,
        "ExplainerConfig": _LATER,
        "ShadowProductionVariants": _ONE_VARIANT,
        "ExecutionRoleArn": _NO_ROLES,
        "VpcConfig": _NO_CLOUD,
        "EnableNetworkIsolation": "used",
        "MetricsConfig": _LATER,
        "CrossRegionTrafficConfig": "rejected: there are no other regions here; leave it out",
    },
    "CreateEndpoint": {
        "EndpointName": "used",
        "EndpointConfigName": "used",
        "DeploymentConfig": _LATER,
        "Tags": "used",
    },
    "UpdateEndpoint": {
        "EndpointName": "used",
        "EndpointConfigName": "used",
        "RetainAllVariantProperties": _LATER,
        "ExcludeRetainedVariantProperties": _LATER,
        "DeploymentConfig": _LATER,
        "RetainDeploymentConfig": _LATER,
    },
    "InvokeEndpoint": {
        "EndpointName": "used",
        "Body": "used",
        "ContentType": "used",
        "Accept": "used",
        "CustomAttributes": _LATER,
        "TargetModel": _LATER,
        "TargetVariant": "used",
        "TargetContainerHostname": _ONE_CONTAINER,
        "InferenceId": _LATER,
        "EnableExplanations": _LATER,
        "InferenceComponentName": _LATER,
        "SessionId": _LATER,
        "PrefixAwareId": _LATER,
    },
}
