"""What is put in order at the start: jobs without a supervisor, and moves of model versions that were cut short."""

from typing import Any

from textual import work

from edm_core.errors import EdmError
from edm_tui.formatting import clean
from edm_tui.serviced import ServicedApp


class Settling(ServicedApp):
    """An app whose services can be asked what is left undone."""

    @work(group="settle")
    async def settle_jobs(self) -> None:
        """Jobs whose supervisor died with the machine: note how they ended, let those that wait go on."""
        try:
            if await self.services.jobs_need_settling():
                await self.services.query("jobs", "list", lane=None, title="settling jobs")
        except EdmError as error:
            self.show_error(f"jobs could not be settled: {error.message}", error.hint)

    @work(group="settle")
    async def mend_moves(self) -> None:
        """Promotions whose process died between stage and alias: any verb on models finishes them, and says so."""
        try:
            if await self.services.moves_need_mending():
                argv = ("models", "list", "--limit", "1")
                done: dict[str, Any] = await self.services.query(*argv, lane="registry", title="finishing a move")
                self.notify("\n".join(clean(str(told)) for told in done.get("mended", ())), markup=False)
        except EdmError as error:
            self.show_error(f"an interrupted move could not be finished: {error.message}", error.hint)
