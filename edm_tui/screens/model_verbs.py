"""The verbs on model versions: when each can run, and the form or prompt that it opens."""

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from textual import work

from edm_core.errors import EdmError
from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.promotion import StageMove, Tenure
from edm_tui.messages import ActionRequested
from edm_tui.screens.base import EdmScreen
from edm_tui.screens.model_checks import is_checked, run_check

_CHECKS = {"verify": "verify", "serve_check": "serve-check"}


class ModelVerbs(EdmScreen):
    """A screen with versions, of which `chosen` are those that a verb means."""

    versions: tuple[ModelVersion, ...]
    _moves: dict[str, tuple[StageMove, ...]]
    _by_model: dict[str, list[ModelVersion]]

    def __init__(self) -> None:
        super().__init__()
        self._moves, self._by_model = {}, {}

    def forget_moves(self) -> None:
        """Other versions are there now: what was told of them is read again."""
        self._moves, self._by_model = {}, {}
        for version in self.versions:
            self._by_model.setdefault(version.name, []).append(version)

    @property
    def by_model(self) -> Mapping[str, Sequence[ModelVersion]]:
        """The versions by their model's name."""
        return self._by_model

    def moves_of(self, name: str) -> tuple[StageMove, ...]:
        """The moves that the model's versions tell of, newest first."""
        from edm_core.actions.model_history import history

        if name not in self._moves:
            self._moves[name] = history(self._by_model.get(name, ()))
        return self._moves[name]

    def tenures_of(self, name: str) -> tuple[Tenure, ...]:
        """Who stood in Production of this model, oldest first."""
        from edm_core.actions.model_history import tenures
        from edm_core.actions.stages import holder

        held = holder(self._by_model.get(name, ()), "Production")
        return tenures(self.moves_of(name), "Production", held.version if held else None)

    @property
    def chosen(self) -> tuple[ModelVersion, ...]:
        """The versions that a verb means now."""
        raise NotImplementedError

    def model_reason(self, verb: str) -> str | None:
        """Why a verb on versions cannot run now, "" when it can, None for a verb that is none of these."""
        if verb == "diff":
            return "" if len(self.compared) > 1 else "mark two versions: space marks"
        if verb not in ("promote", "demote", "roll_back", "alias", "download", *_CHECKS):
            return None
        if not self.chosen:
            return "no version"
        if len(self.chosen) > 1:
            return "one version at a time: mark one alone"
        return self._why_not(verb, self.chosen[0])

    def _why_not(self, verb: str, version: ModelVersion) -> str:
        if verb == "promote":
            return "already in Production" if version.stage == "Production" else ""
        if verb == "demote":
            return "" if version.stage in ("Staging", "Production") else "no step down"
        if verb in _CHECKS and is_checked(self.app, version, _CHECKS[verb]):
            return "it goes on already"
        if verb == "roll_back" and self._earlier(version.name) is None:
            return f"{version.name} had no one in Production before"
        return ""

    def _earlier(self, name: str) -> int | None:
        from edm_core.actions.model_history import earlier_holder

        return earlier_holder(self.moves_of(name), self._by_model.get(name, ()), "Production")

    @property
    def compared(self) -> tuple[ModelVersion, ...]:
        """The versions that a diff means: the marked ones, else the one in Production and the one under the cursor."""
        from edm_core.actions.stages import holder

        if len(self.chosen) != 1:
            return self.chosen
        held = holder(self._by_model.get(self.chosen[0].name, ()), "Production")
        return self.chosen if held is None or held.version == self.chosen[0].version else (held, *self.chosen)

    def do_verify(self) -> None:
        """Whether the store's copy is what was registered."""
        self._check("verify")

    def do_serve_check(self) -> None:
        """Whether the version predicts where nothing but its requirements is installed."""
        self._check("serve-check")

    def _check(self, check: str) -> None:
        # The app's worker, not ours: leaving the screen must not lose the answer.
        version, app = self.chosen[0], self.app

        async def run() -> None:
            await run_check(app, version, check)
            for screen in app.screen_stack:
                if isinstance(screen, ModelVerbs):
                    screen.checked()

        app.run_worker(run(), group="model-checks")
        self.call_later(self.checked)

    def checked(self) -> None:
        """A check began or ended: show what is known of it."""

    def do_promote(self) -> None:
        """One stage up, with the form that compares."""
        from edm_tui.screens.model_forms import open_promotion

        self._open(open_promotion(self.app, self.chosen[0], up=True))

    def do_demote(self) -> None:
        """One stage down."""
        from edm_tui.screens.model_forms import open_promotion

        self._open(open_promotion(self.app, self.chosen[0], up=False))

    def do_roll_back(self) -> None:
        """What was in Production before comes back; the form shows it first."""
        from edm_tui.screens.model_forms import open_rollback

        name = self.chosen[0].name
        earlier = self._earlier(name)
        before = next(one for one in self.versions if one.name == name and one.version == earlier)
        self._open(open_rollback(self.app, self.versions, before))

    @work(exclusive=True, group="form")
    async def _open(self, form: Coroutine[Any, Any, None]) -> None:
        try:
            await form
        except EdmError as error:
            self.notify(f"{error.message} {error.hint}", severity="warning", markup=False)

    def do_alias(self) -> None:
        """Set an alias of the version, or delete one."""
        from edm_tui.dialogs.text_prompt import TextPrompt

        version = self.chosen[0]
        target = f"{version.name}/{version.version}"
        has = ", ".join(version.aliases) or "none"

        def named(text: str | None) -> None:
            if not text:
                return
            verb = ("delete", text[1:].strip(), "--model", version.name) if text[0] == "-" else ("set", text, target)
            request = ActionRequested("alias", ("models", "alias", *verb), "registry", f"Alias of {target}")
            self.app.post_message(request)

        title = f"An alias for {version.name} v{version.version} (it has: {has})"
        self.app.push_screen(TextPrompt(title, "", "champion sets it, -champion deletes it"), named)

    def do_download(self) -> None:
        """Download the version into a new folder, with a manifest that `edm models verify` checks."""
        from edm_tui.dialogs.text_prompt import TextPrompt

        version = self.chosen[0]
        target = f"{version.name}/{version.version}"

        def into(folder: str | None) -> None:
            if folder:
                argv = ("models", "download", target, f"--output={folder}")
                self.app.post_message(ActionRequested("download", argv, "registry", f"Download {target}"))

        title = f"Download {version.name} v{version.version} into a new folder of the workspace"
        self.app.push_screen(TextPrompt(title, f"{version.name}-v{version.version}"), into)
