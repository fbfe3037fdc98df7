"""TensorBoard event files, through TensorBoard's own writer (torch's needs two seconds to import)."""

from collections.abc import Mapping
from pathlib import Path


class EventLog:
    """Scalars into one event file under `folder`. What a killed run wrote beyond `first_step` is marked as void."""

    def __init__(self, folder: Path, first_step: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._writer = EventFileWriter(str(folder))
        if first_step > 1:
            start = SessionLog(status=SessionLog.START)
            self._writer.add_event(Event(wall_time=0.0, step=first_step, session_log=start))

    def add(self, step: int, time: float, metrics: Mapping[str, float]) -> None:
        """Write an epoch's metrics. `time` in seconds since 1970."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=key, simple_value=value) for key, value in metrics.items()]
        self._writer.add_event(Event(wall_time=time, step=step, summary=Summary(value=values)))
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()
