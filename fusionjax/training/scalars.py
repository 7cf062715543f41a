"""Scalars and pictures for TensorBoard, written without TensorFlow.

`flax.metrics.tensorboard` imports TensorFlow, and tensorboard's own event
writer does so where it is installed (2 seconds and 750 MB). The format is
simple: a file of length-prefixed protocol buffers.
"""

import io
import os
import time
from collections.abc import Mapping
from pathlib import Path

from PIL import Image
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer import record_writer


class ScalarLog:
  """Writes scalars to one event file."""

  def __init__(self, folder: Path, *, start_step: int = 0):
    """Opens a new event file.

    Args:
      folder: TensorBoard's log directory; made where absent.
      start_step: the step to go on from: what older files hold beyond it is
        no longer shown.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = f'events.out.tfevents.{time.time():.6f}.{os.getpid()}.fusionjax'
    # The writer owns the file until close().
    self._writer = record_writer.RecordWriter((folder / name).open('wb'))
    self._write(event_pb2.Event(file_version='brain.Event:2'))
    self._write(
      event_pb2.Event(
        # The first step that is not to be shown from older files.
        step=start_step + 1 if start_step else 0,
        session_log=event_pb2.SessionLog(
          status=event_pb2.SessionLog.SessionStatus.START
        ),
      )
    )
    self._writer.flush()

  def _write(self, event: event_pb2.Event) -> None:
    event.wall_time = time.time()
    self._writer.write(event.SerializeToString())

  def write(self, step: int, scalars: Mapping[str, float]) -> None:
    """Writes the scalars of a step.

    Args:
      step: the step.
      scalars: values by tag, such as `train/loss`.
    """
    values = [
      summary_pb2.Summary.Value(tag=tag, simple_value=float(value))
      for tag, value in scalars.items()
    ]
    self._write(
      event_pb2.Event(step=step, summary=summary_pb2.Summary(value=values))
    )
    self._writer.flush()

  def write_image(self, step: int, tag: str, picture: Image.Image) -> None:
    """Writes a picture of a step.

    Args:
      step: the step.
      tag: its name, such as `scenes/a`.
      picture: the picture.
    """
    data = io.BytesIO()
    picture.save(data, format='PNG')
    image = summary_pb2.Summary.Image(
      height=picture.height,
      width=picture.width,
      colorspace=3,
      encoded_image_string=data.getvalue(),
    )
    value = summary_pb2.Summary.Value(tag=tag, image=image)
    self._write(
      event_pb2.Event(step=step, summary=summary_pb2.Summary(value=[value]))
    )
    self._writer.flush()

  def close(self) -> None:
    """Closes the file."""
    self._writer.close()
