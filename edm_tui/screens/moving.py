"""The moving keys, for a screen that says how it moves by lines."""


class Moving:
    """`move(step)` goes by lines, at most to an end; `page_lines` is how many are in view."""

    FAR = 1 << 30

    @property
    def page_lines(self) -> int:
        raise NotImplementedError

    def move(self, step: int) -> None:
        raise NotImplementedError

    def do_down(self) -> None:
        self.move(1)

    def do_up(self) -> None:
        self.move(-1)

    def do_top(self) -> None:
        self.move(-self.FAR)

    def do_bottom(self) -> None:
        self.move(self.FAR)

    def do_page_down(self) -> None:
        self.move(self.page_lines)

    def do_page_up(self) -> None:
        self.move(-self.page_lines)
