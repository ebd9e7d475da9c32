"""Runs to event files, by TensorBoard's own writer."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import MLError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from jupyter_ml.toolkit.exports.record import RecordedRun

_SUFFIX = ".jupyter-ml"
_STATES = {"Completed": "STATUS_SUCCESS", "Failed": "STATUS_FAILURE", "Stopped": "STATUS_FAILURE"}


def export(run: RecordedRun, logdir: str | os.PathLike[str]) -> Path:
    """Write a run; parameters as for `Exportable.to_tensorboard`."""
    try:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # noqa: PLC0415
        from tensorboard.summary.writer.event_file_writer import EventFileWriter  # noqa: PLC0415
    except ImportError as error:
        msg = f"TensorBoard cannot be imported ({error}): pip install 'jupyter-ml[tensorboard]'."
        raise MLError(msg) from None
    folder = Path(logdir).expanduser() / run.name
    folder.mkdir(parents=True, exist_ok=True)
    earlier = list(folder.glob(f"events.out.tfevents.*{_SUFFIX}"))
    writer = EventFileWriter(str(folder), filename_suffix=_SUFFIX)
    # A TensorBoard that is looking drops what it had read of an earlier export.
    begins = SessionLog(status=SessionLog.START)
    writer.add_event(Event(wall_time=run.created_at, step=0, session_log=begins))
    for at, summary in (*_hyperparameters(run), *_texts(run)):
        writer.add_event(Event(wall_time=at, step=0, summary=summary))
    for at, step, summary in _scalars(run):
        writer.add_event(Event(wall_time=at, step=step, summary=summary))
    writer.close()
    for path in earlier:
        path.unlink()
    return folder


def _scalars(run: RecordedRun) -> Iterator[tuple[float, int, Any]]:
    from tensorboard.compat.proto.summary_pb2 import Summary  # noqa: PLC0415  (optional)

    for name, points in run.points.items():
        for step, at, value in points:
            yield at, step, Summary(value=[Summary.Value(tag=name, simple_value=value)])


def _hyperparameters(run: RecordedRun) -> Iterator[tuple[float, Any]]:
    """Yield what the HParams page is made of: the parameters, and how and when the run ended."""
    from tensorboard.compat.proto.summary_pb2 import Summary  # noqa: PLC0415  (optional)
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2  # noqa: PLC0415
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb  # noqa: PLC0415

    values = {name: _value(text) for name, text in run.parameters.items()}
    yield run.created_at, hparams_pb(values, trial_id=run.arn, start_time_secs=run.created_at)
    if run.ended_at is None:
        return
    state = api_pb2.Status.Value(_STATES.get(run.status, "STATUS_UNKNOWN"))
    end = plugin_data_pb2.SessionEndInfo(status=state, end_time_secs=run.ended_at)
    about = metadata.create_summary_metadata(
        plugin_data_pb2.HParamsPluginData(session_end_info=end)
    )
    tag = metadata.SESSION_END_INFO_TAG
    value = Summary.Value(tag=tag, metadata=about, tensor=metadata.NULL_TENSOR)
    yield run.ended_at, Summary(value=[value])


def _texts(run: RecordedRun) -> Iterator[tuple[float, Any]]:
    """Yield what the Text page shows: the run and where it comes from, and its source."""
    from tensorboard.compat.proto.summary_pb2 import Summary  # noqa: PLC0415  (optional)
    from tensorboard.plugins.text.metadata import create_summary_metadata  # noqa: PLC0415
    from tensorboard.util.tensor_util import make_tensor_proto  # noqa: PLC0415

    about = {
        "Arn": run.arn,
        "Kind": run.kind,
        "Status": run.status,
        **({"Message": run.message} if run.message else {}),
        "Tags": dict(run.tags),
        **run.origin,
    }
    texts = {"run": json.dumps(about, indent=2, default=str), "source": run.source}
    for tag, text in texts.items():
        if text:
            # indented by four, Markdown shows it as it is
            block = "".join(f"    {line}\n" for line in text.splitlines())
            value = Summary.Value(
                tag=tag,
                metadata=create_summary_metadata(display_name=tag, description=""),
                tensor=make_tensor_proto([block]),
            )
            yield run.created_at, Summary(value=[value])


def _value(text: str) -> float | str:
    """Return a parameter as a number where it is one, so that it gets an axis."""
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text
