"""The base of the app's parts: its services, and how an error is said."""

from textual.app import App

from edm_tui.formatting import clean_lines
from edm_tui.services import Services


class ServicedApp(App[None]):
    """An app with services, whose errors become toasts."""

    services: Services

    def show_error(self, message: str, hint: str = "") -> None:
        """Say what could not be done, and what to do next."""
        text = clean_lines("\n".join(filter(None, (message, hint and f"hint: {hint}"))))
        self.notify(text, severity="error", timeout=12, markup=False)
