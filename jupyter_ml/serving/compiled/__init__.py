"""A model's faster double: compiled by ONNX Runtime, checked against the model, and then used.

`compiler` runs in a process of its own once an endpoint is in service: it converts the model
(`convert`, tree ensembles by `trees`), predicts rows drawn for the purpose (`rows`) with both and
compares answers and times (`check`). What passed is left in the attempt's folder; the processes
that hold the model load it from there (`program`) and keep the model for what it does not cover.

The switch is `JUPYTER_ML_COMPILE` in the model's environment: `off` serves the model natively.
"""
