"""Steps, takes and seed of the next render as fields, for the plan to place."""

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication

from desktop.authoring.diffusion_settings import USUAL, DiffusionChoice, why_refused
from desktop.authoring.render_requests import LARGEST_SEED, MOST_TAKES, RenderSettings, settings_of_takes
from desktop.state.render_choice import RenderChoice
from desktop.widgets.number_field import NumberField
from engine.protocol.diffusion_limits import MOST_STEPS
from engine.protocol.errors import UserError
from engine.protocol.render_request import RendererName

USUAL_TAKES, USUAL_SEED = 1, 0
FIELD_HEIGHT_PX = 26


class TakeNumbers:
    """A number is tried while it is typed, and taken, right or wrong, when it is left; a wrong one is marked.

    An emptied field is the usual number.
    """

    def __init__(self, choice: RenderChoice) -> None:
        self._choice = choice
        self.steps = _field(1, MOST_STEPS, _tr("Steps"))
        self.takes = _field(1, MOST_TAKES, _tr("Takes"))
        self.seed = _field(0, LARGEST_SEED, _tr("Seed"))
        _bind(self.steps, USUAL.steps, choice.set_steps, _steps_trouble)
        _bind(self.takes, USUAL_TAKES, choice.set_take_count, _takes_trouble)
        _bind(self.seed, USUAL_SEED, choice.set_seed, self._seed_trouble)

    def refresh(self) -> None:
        """Show what is chosen, and what of it cannot be."""
        choice = self._choice
        seed = USUAL_SEED if choice.seed is None else choice.seed
        for field, number, usual, why in (
            (self.steps, choice.steps, USUAL.steps, _steps_trouble(choice.steps)),
            (self.takes, choice.take_count, USUAL_TAKES, _takes_trouble(choice.take_count)),
            (self.seed, seed, USUAL_SEED, self._seed_trouble(seed)),
        ):
            field.show_number(number, usual, _tr("%d (usual)") % usual)
            field.show_trouble(why)
        self.seed.setEnabled(choice.seed is not None)

    def settle(self) -> None:
        """Take the numbers that are being typed."""
        for field in (self.steps, self.takes, self.seed):
            field.settle()

    def _seed_trouble(self, seed: int) -> str:
        """The last take's seed counts too, as far as there can be so many takes."""
        return _trouble(seed, min(MOST_TAKES, max(1, self._choice.take_count)))


def _bind(field: NumberField, usual: int, take: Callable[[int], None], trouble: Callable[[int], str]) -> None:
    def on_given(number: int | None) -> None:
        take(usual if number is None else number)

    def on_typed(number: int | None) -> None:
        if number is not None and not trouble(number):
            take(number)

    field.number_given.connect(on_given)
    field.number_typed.connect(on_typed)


def _steps_trouble(steps: int) -> str:
    return why_refused(DiffusionChoice(steps=steps))


def _takes_trouble(count: int) -> str:
    return _trouble(USUAL_SEED, count)


def _trouble(seed: int, count: int) -> str:
    try:
        settings_of_takes(RenderSettings(quality=RendererName.DRAFT.value, seed=seed), count)
    except UserError as error:
        return error.report.sentence()
    return ""


def _field(lowest: int, highest: int, name: str) -> NumberField:
    made = NumberField(lowest=lowest, highest=highest, is_whole=True)
    made.setFixedHeight(FIELD_HEIGHT_PX)
    made.setAccessibleName(name)
    return made


def _tr(text: str) -> str:
    return QCoreApplication.translate("TakeNumbers", text)
