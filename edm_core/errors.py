"""Everything that can go wrong in a way that the user can mend.

EdmError
├── SettingsError     edm.toml or an EDM_* variable holds something that cannot be
├── WorkspaceError    no workspace here, or a path in it is not what it should be
├── RunNameError      a name that cannot become a run folder, or that is taken
├── NotFoundError     no run, version, job or file answers to that name
├── StoreError        MLflow, DVC or git could not be read
├── QueryError        a filter or an order cannot be read; its message shows where
├── ActionError       something could not be done; nothing was changed, or it was changed back
├── DataError         annotations or audio are at fault
├── TrainingError     options that cannot go together, or a checkpoint that does not fit
└── JobError          a job could not be started, stopped or found
"""


class EdmError(Exception):
    """An error for the user's eyes: what went wrong, and what to do next.

    `message` names the thing; `hint` is one sentence that says how to go on ("" when there is nothing to add).
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class SettingsError(EdmError):
    """edm.toml or an EDM_* variable holds something that cannot be."""


class WorkspaceError(EdmError):
    """No workspace here, or a path in it is not what it should be."""


class RunNameError(EdmError):
    """A name that cannot become a run folder, or that is taken."""


class NotFoundError(EdmError):
    """No run, version, job or file answers to that name."""


class StoreError(EdmError):
    """MLflow, DVC or git could not be read."""


class QueryError(EdmError):
    """A filter or an order cannot be read: `problem` says why, `column` where (characters from 0)."""

    problem: str = ""
    column: int = 0


class ActionError(EdmError):
    """Something could not be done; nothing was changed, or it was changed back."""


class DataError(EdmError):
    """Annotations or audio are at fault."""


class TrainingError(EdmError):
    """Options that cannot go together, or a checkpoint that does not fit."""


class JobError(EdmError):
    """A job could not be started, stopped or found."""
