"""A pass that goes on after any of its steps ends with the bits of an undisturbed one."""

from dataclasses import replace

import pytest
import torch

from engine.planning.shot_pieces import WindowPlan
from engine.protocol.diffusion_settings import Solver
from engine.sampling.denoising import KnownStart, denoise, shot_noise
from engine.sampling.flow_solver import flow_solver
from engine.sampling.long_shots import BlendedVelocity

NOISE = shot_noise(4, latent_frames=6, rows=4, columns=5)
KNOWN = KnownStart(latents_16KHW=shot_noise(5, latent_frames=2, rows=4, columns=5))


def flow(latents, timestep, step):
    """A flow that curves, and differs from step to step."""
    sigma = float(timestep) / 1000
    return torch.tanh(latents * (1 + sigma)) - 0.3 * latents.flip(1) + 0.01 * step


def blended():
    plan = WindowPlan(latent_frames=6, length=4, overlap=2, seed=9)
    return BlendedVelocity(plan, lambda start, end: flow)


def kept(state):
    """Return a state as a file gives it back: tensors of its own."""
    memory = {name: tensor.clone() for name, tensor in state.solver_state.items()}
    return replace(state, latents_16FHW=state.latents_16FHW.clone(), solver_state=memory)


def whole_pass(solver, *, steps=5, shift=5.0, velocity=flow, known=None):
    """Return the latents of an undisturbed pass and its state after each step."""
    states = []
    clean = denoise(
        NOISE,
        velocity,
        flow_solver(solver, steps=steps, shift=shift),
        known=known,
        on_step=lambda done: states.append(kept(done.state)),
    )
    return clean, states


@pytest.mark.parametrize("solver", list(Solver))
@pytest.mark.parametrize(("steps", "shift"), [(1, 5.0), (2, 5.0), (3, 1.0), (9, 12.0), (30, 5.0), (30, 50.0)])
@pytest.mark.parametrize("known", [None, KNOWN])
def test_a_pass_resumed_after_any_step_ends_with_the_same_bits(solver, steps, shift, known):
    clean, states = whole_pass(solver, steps=steps, shift=shift, known=known)
    assert [(state.step, state.steps) for state in states] == [(n + 1, steps) for n in range(steps)]
    for state in states:
        fresh = flow_solver(solver, steps=steps, shift=shift)
        assert torch.equal(denoise(NOISE, flow, fresh, known=known, resume=state), clean)


@pytest.mark.parametrize("solver", list(Solver))
@pytest.mark.parametrize("known", [None, KNOWN])
def test_a_shot_in_windows_is_resumed_in_the_windows_of_the_step_that_follows(solver, known):
    clean, states = whole_pass(solver, velocity=blended(), known=known)
    for state in states:
        fresh = flow_solver(solver, steps=5, shift=5.0)
        assert torch.equal(denoise(NOISE, blended(), fresh, known=known, resume=state), clean)


@pytest.mark.parametrize("solver", list(Solver))
def test_a_pass_may_be_interrupted_at_every_step(solver):
    clean, _ = whole_pass(solver)
    state, steps_taken = None, []
    for _ in range(5):

        def stop(done):
            nonlocal state
            state = kept(done.state)
            steps_taken.append(done.step)
            raise InterruptedError

        fresh = flow_solver(solver, steps=5, shift=5.0)
        with pytest.raises(InterruptedError):
            denoise(NOISE, flow, fresh, resume=state, on_step=stop)
    assert steps_taken == [1, 2, 3, 4, 5]
    assert torch.equal(denoise(NOISE, flow, flow_solver(solver, steps=5, shift=5.0), resume=state), clean)


@pytest.mark.parametrize("solver", list(Solver))
def test_a_resumed_pass_does_only_what_is_left(solver):
    _, states = whole_pass(solver)
    seen, told = [], []

    def watched(latents, timestep, step):
        seen.append((step, float(timestep)))
        return flow(latents, timestep, step)

    fresh = flow_solver(solver, steps=5, shift=5.0)
    denoise(NOISE, watched, fresh, resume=states[2], on_step=lambda done: told.append(done.step))
    times = flow_solver(solver, steps=5, shift=5.0).timesteps.tolist()
    assert seen == [(3, times[3]), (4, times[4])]
    assert told == [4, 5]


@pytest.mark.parametrize("solver", list(Solver))
def test_a_state_given_to_a_checkpoint_is_not_written_to_by_the_steps_that_follow(solver):
    given, copies = [], []

    def on_step(done):
        given.append(done.state)
        copies.append(kept(done.state))

    denoise(NOISE, flow, flow_solver(solver, steps=5, shift=5.0), known=KNOWN, on_step=on_step)
    for state, copy in zip(given, copies, strict=True):
        assert torch.equal(state.latents_16FHW, copy.latents_16FHW)
        assert all(
            torch.equal(state.solver_state[name], copy.solver_state[name]) for name in copy.solver_state
        )


def test_a_solver_of_the_first_order_remembers_nothing_and_unipc_what_it_needs():
    _, euler = whole_pass(Solver.EULER)
    assert all(state.solver_state == {} for state in euler)
    _, unipc = whole_pass(Solver.UNIPC)
    assert set(unipc[0].solver_state) == {"orders", "last_sample", "prediction_1"}
    assert set(unipc[4].solver_state) == {"orders", "last_sample", "prediction_0", "prediction_1"}


def test_a_solver_may_be_put_back_to_its_beginning():
    clean, _ = whole_pass(Solver.UNIPC)
    solver = flow_solver(Solver.UNIPC, steps=5, shift=5.0)
    denoise(NOISE, flow, solver)
    solver.restore(0, {})
    assert solver.state() == {}
    assert torch.equal(denoise(NOISE, flow, solver), clean)


def memory(**changes):
    """Return UniPC's memory after three steps, with changes; None takes a part away."""
    _, states = whole_pass(Solver.UNIPC)
    changed = {**states[2].solver_state, **changes}
    return {name: tensor for name, tensor in changed.items() if tensor is not None}


@pytest.mark.parametrize(
    "changes",
    [
        {"last_sample": None},
        {"orders": None},
        {"prediction_0": None},
        {"prediction_7": NOISE},
        {"last_sample": NOISE[:, :3]},
        {"prediction_1": NOISE.half()},
        {"orders": torch.tensor([2, 3])},
        {"orders": torch.tensor([0, 1])},
        {"orders": torch.tensor([1.0, 2.0])},
        {"orders": torch.tensor([1])},
    ],
)
def test_a_solver_takes_no_rubbish_for_its_memory(changes):
    solver = flow_solver(Solver.UNIPC, steps=5, shift=5.0)
    solver.restore(3, memory())
    with pytest.raises(ValueError, match=r"state|float32|orders"):
        solver.restore(3, memory(**changes))


@pytest.mark.parametrize("solver", list(Solver))
@pytest.mark.parametrize("step", [-1, 6])
def test_a_solver_does_not_go_to_a_step_that_is_not_there(solver, step):
    with pytest.raises(ValueError, match="step"):
        flow_solver(solver, steps=5, shift=5.0).restore(step, {})


def test_one_solver_does_not_go_on_with_the_memory_of_another():
    with pytest.raises(ValueError, match="holds"):
        flow_solver(Solver.EULER, steps=5, shift=5.0).restore(3, memory())
    with pytest.raises(ValueError, match="holds"):
        flow_solver(Solver.UNIPC, steps=5, shift=5.0).restore(3, {})
    with pytest.raises(ValueError, match="holds"):
        flow_solver(Solver.UNIPC, steps=5, shift=5.0).restore(1, memory())


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 6},
        {"step": 6},
        {"latents_16FHW": NOISE[:, :4]},
        {"latents_16FHW": NOISE.double()},
        {"solver_state": {}},
    ],
)
def test_a_state_of_another_pass_is_refused(changes):
    _, states = whole_pass(Solver.UNIPC)
    with pytest.raises(ValueError, match=r"step|latents|state"):
        denoise(
            NOISE, flow, flow_solver(Solver.UNIPC, steps=5, shift=5.0), resume=replace(states[2], **changes)
        )
