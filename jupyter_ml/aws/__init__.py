"""The surface for boto3 and the SageMaker SDKs: AWS's wire protocols in front of a client.

- `keys`: the workspace's own key pair; there are no default credentials.
- `sigv4`: proves that a request was signed with that pair and was not changed.
- `json11`: the protocol of ``sagemaker``; `rest_json`: that of ``sagemaker-runtime`` and
  ``sagemaker-metrics``. Both are told what goes where by botocore's models.
- `gateway`: from a signed request to an answer, with nothing of a web framework in it.
- `handler`: the route in the Jupyter server.
- `query`: that of ``sts`` and ``iam``; `elsewhere`: refusals in those of all others.
- `subset`: how some operations of another service are answered; `sts`, `iam` and
  `cloudwatch_logs` are such; `owner`: who they say one is.
- `s3`: what the buckets of the workspace answer S3 clients.
"""
