"""What the next diffusion render needs of this machine, found out in the pool while the user chooses."""

import asyncio
from dataclasses import replace
from typing import Protocol

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.authoring.machine_child import MachineChild
from desktop.authoring.machine_knowledge import known_machine
from desktop.authoring.memory_plans import (
    Planned,
    PlanQuestion,
    answer_with_size,
    plan_question,
)
from desktop.authoring.running_render import SeenMachine, running_engine, seen_machine
from desktop.background.task_pool import TaskPool, report_of
from desktop.state.project_session import ProjectSession
from desktop.state.render_choice import RenderChoice
from desktop.state.render_queue import RenderQueue
from engine.protocol.errors import ErrorReport, UserError
from engine.protocol.render_request import RendererName
from projects_db.errors import ProjectError

SETTLE_MS = 250


class OutlookSource(Protocol):
    """Who is asked, in the pool."""

    def machine(self) -> SeenMachine:
        """Return this machine; takes seconds, the first time up to half a minute. Raises UserError."""

    def plan(self, question: PlanQuestion, machine: SeenMachine) -> Planned:
        """Return the answer; takes a fraction of a second. Raises UserError."""

    def close(self) -> None:
        """End what runs: nobody waits for it any more."""


class ThisMachine:
    """Looks at the machine the window runs on, and plans for it."""

    def __init__(self) -> None:
        self._child = MachineChild()

    def machine(self) -> SeenMachine:
        """Ask the child process, and then the engine, if it runs, its limit and what its worker holds."""
        known = known_machine(run_child=self._child.run)
        return seen_machine(known, asyncio.run(running_engine()))

    def plan(self, question: PlanQuestion, machine: SeenMachine) -> Planned:
        """Plan here."""
        planned = answer_with_size(question, machine.machine)
        return replace(planned, render_runs=machine.render_runs)

    def close(self) -> None:
        """End the child."""
        self._child.close()


class MemoryOutlook(QObject):
    """Follows the choice: a while after it settles, a plan for it is asked. Drafts need none.

    The machine is asked once, and again by `look_again`, for what is free changes, and when a render that
    ran then has ended. What was answered stays until there is a newer answer, unless it is of another scene.
    """

    outlook_changed = Signal()

    def __init__(
        self,
        session: ProjectSession,
        choice: RenderChoice,
        queue: RenderQueue,
        *,
        pool: TaskPool,
        source: OutlookSource,
    ) -> None:
        super().__init__()
        self._session = session
        self._choice = choice
        self._queue = queue
        self._pool = pool
        self._source = source
        self._machine: SeenMachine | None = None
        self._is_stale = True
        self._question: PlanQuestion | None = None
        self._planned: Planned | None = None
        self._trouble = ""
        self._machine_task: int | None = None
        self._plan_task: int | None = None
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(SETTLE_MS)
        self._settling.timeout.connect(self._ask)
        self._between_renders = QTimer(self)
        self._between_renders.setSingleShot(True)
        self._between_renders.setInterval(SETTLE_MS)
        self._between_renders.timeout.connect(self._on_queue_settled)
        choice.choice_changed.connect(self._on_choice_changed)
        session.project_closed.connect(self._on_choice_changed)
        queue.jobs_changed.connect(self._between_renders.start)
        queue.link_changed.connect(self._between_renders.start)

    @property
    def planned(self) -> Planned | None:
        """The newest answer for the chosen scene."""
        return self._planned

    @property
    def trouble(self) -> str:
        """Why there is no answer, in a sentence; empty while there is one or it is on its way."""
        return self._trouble

    @property
    def is_asking(self) -> bool:
        """Whether an answer is on its way."""
        return self._settling.isActive() or self._machine_task is not None or self._plan_task is not None

    def look_again(self) -> None:
        """Ask the machine again: what is free may have changed. Until it answers, what was known holds."""
        if self._is_wanted():
            self._is_stale = True
            self._question = None
            self._settling.start(0)
            self.outlook_changed.emit()

    def _on_queue_settled(self) -> None:
        if self._has_render_ended():
            self.look_again()

    def _has_render_ended(self) -> bool:
        """Whether no render runs any more, and one did when the machine was asked."""
        return self._machine is not None and self._machine.render_runs and not self._queue.is_rendering

    def _is_wanted(self) -> bool:
        choice = self._choice
        return (
            self._session.is_open
            and self._session.scene is not None
            and choice.renderer is RendererName.DIFFUSION
            and choice.bundle is not None
            and not choice.trouble()
        )

    def _on_choice_changed(self) -> None:
        scene = self._session.scene
        if not self._is_wanted() or scene is None:
            self._give_up()
            return
        if self._planned is not None and self._planned.request.scene_id != scene.id:
            self._planned, self._question = None, None
        if self._plan_task is not None or self._machine_task is not None:
            self._drop_plan_task()
            self._question = None  # what is under way is not for this choice any more
        self._settling.start(SETTLE_MS)
        self.outlook_changed.emit()

    def _give_up(self) -> None:
        """Want nothing any more. A machine that is being asked may go on: it will be needed again."""
        was_there = self.is_asking or self._planned is not None or bool(self._trouble)
        self._settling.stop()
        self._drop_plan_task()
        self._planned, self._question, self._trouble = None, None, ""
        if was_there:
            self.outlook_changed.emit()

    def _drop_plan_task(self) -> None:
        if self._plan_task is not None:
            self._pool.forget(self._plan_task)
            self._plan_task = None

    def _ask(self) -> None:
        scene = self._session.scene
        if scene is None or not self._is_wanted():
            return
        try:
            settings = replace(self._choice.settings_of_takes()[0], seed=0)
            question = plan_question(self._session.store, scene, settings)
        except (UserError, ProjectError) as error:
            self._fail(report_of(error))
            return
        if question == self._question and not self._trouble:
            self.outlook_changed.emit()
            return
        self._question = question
        if self._machine is not None:
            self._plan(question, self._machine)
        if (self._is_stale or self._has_render_ended()) and self._machine_task is None:
            self._is_stale = False
            self._machine_task = self._pool.run(
                self._source.machine, on_done=self._on_machine, on_failed=self._on_machine_failed
            )

    def _plan(self, question: PlanQuestion, machine: SeenMachine) -> None:
        self._drop_plan_task()
        self._plan_task = self._pool.run(
            lambda: self._source.plan(question, machine),
            on_done=self._on_planned,
            on_failed=self._on_plan_failed,
        )

    def _on_machine(self, machine: SeenMachine) -> None:
        self._machine_task = None
        self._machine = machine
        if self._question is not None:
            self._plan(self._question, machine)
        if self._is_stale:
            self.look_again()

    def _on_machine_failed(self, report: ErrorReport) -> None:
        self._machine_task, self._machine, self._is_stale = None, None, True
        if self._question is not None:
            self._fail(report)

    def _on_planned(self, planned: Planned) -> None:
        self._plan_task = None
        self._planned, self._trouble = planned, ""
        self.outlook_changed.emit()

    def _on_plan_failed(self, report: ErrorReport) -> None:
        self._plan_task = None
        self._fail(report)

    def _fail(self, report: ErrorReport) -> None:
        self._drop_plan_task()
        self._planned, self._question = None, None
        self._trouble = report.sentence()
        self.outlook_changed.emit()
