"""What the API is: SageMaker's own service models, our additions, the validator and the errors.

- `errors`: the tree of errors, each with its wire code and HTTP status.
- `model`: botocore's models merged with ``jupyter-ml.json``, loaded when first asked for.
- `validator`: checks a request against its shape and names every violation in AWS's words.
- `documents`: reads a JSON object, or says what came instead.
- `projection`: cuts an answer down to what its shape declares.
- `members`: refuses request members that no service has classified.
- ``relaxations.json``: every deviation from SageMaker's model, with its reason.

This package knows no service and stores nothing.
"""
