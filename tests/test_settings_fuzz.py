"""Settings and configurations of any kind either work, or are refused with what is wrong with them, and at once."""

from __future__ import annotations

import copy
import dataclasses
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from processor_time import within
from small_problems import TINY, heat

import pinnml as pm
from pinnml.bench import ABLATIONS
from pinnml.cli.catalogue import SOLVERS
from pinnml.io.plain import decode, encode, is_complete
from pinnml.methods import aspqn, schwarz_gauss_newton
from pinnml.optim import AbstractSolver
from pinnml.schwarz import (
    ByLayer,
    ByNeurons,
    Local,
    MultiplicativeSchwarz,
)
from pinnml.settings import RECORDS

SAMPLERS = (pm.Sobol, pm.points.Uniform, pm.Hammersley, pm.points.LatinHypercube, pm.points.Grid)

SAMPLES: dict[str, Any] = {
    **{name: recipe(1).solver for name, recipe in (SOLVERS | ABLATIONS).items()},
    "rad": pm.RAD(),
    "readouts": pm.adapt.Readouts(),
    "waves": pm.adapt.Widening(5, None, coordinates=True, spectrum=pm.adapt.Ring((20.0, 0.0))),
    "band": pm.adapt.Band((20.0, 0.0)),
    "patches": pm.adapt.Widening(5, None, coordinates=True, patches=(pm.adapt.Patch((0.5, 0.0), (0.1, math.inf)),)),
    "layers": pm.adapt.Widening(5, None, coordinates=True, stretches=(pm.adapt.Stretching(0, (-1.0, 1.0), 0.01),)),
    "insertion": pm.adapt.Insertion(pm.adapt.Fixed(20), wanted=1e-3),
    "assessed": pm.adapt.Assessed(pm.adapt.Fixed(20), every=5),
    "pruning": pm.adapt.Pruning(pm.adapt.Insertion()),
    "discrepancy": pm.adapt.Discrepancy(pm.adapt.Fixed(20)),
    "balance": pm.adapt.EqualTraces(),
    "scales": pm.adapt.LinearisedSizes({"u": 2.0}),
    "where linear": pm.optim.WhereLinear(pm.LBFGS()),
    "sampled projection": pm.optim.SampledVariableProjection(pm.LBFGS(), 2, 1e-3),
    "projected": pm.optim.VariableProjection(pm.LevenbergMarquardt(), pm.objective.Full()),
    "ladder": pm.optim.GaussNewton(pm.optim.QR(), pm.optim.Ladder(), pm.optim.Geodesic(bend=None)),
    "resnet": pm.ResNet(embedding=pm.PeriodicEmbedding("x", 2), activation=pm.networks.Sin()),
    "mlp": pm.MLP(embedding=pm.networks.FourierFeatures(3)),
    "holed": pm.MLP(embedding=pm.networks.Inverted((pm.networks.Hole(0.5, {"x": 1.0, "y": -1.0}),))),
    "torus": pm.MLP(embedding=pm.PeriodicEmbedding(("t", "x"), 2)),
    "ode net": pm.networks.ODENet(weights=pm.networks.Antisymmetric(0.1), step=pm.networks.LearnedStep(0.5)),
    "ode net, given steps": pm.networks.ODENet(integrator=pm.networks.Verlet()),
    "stop": pm.Seconds(3) | pm.Loss(1e-3) | pm.stop.Work(3) | pm.stop.GradientNorm(1) | pm.stop.Evaluations(4),
    "accuracy": pm.Accuracy(1e-6),
    "unknown": pm.Unknown(0.5, 0.0, 1.0),
    **{
        kind.__name__: kind()
        for kind in (pm.Sobol, pm.points.Uniform, pm.Hammersley, pm.points.LatinHypercube, pm.points.Grid)
    },
    "combined": pm.schwarz.AdditiveSchwarz(
        pm.schwarz.ByIndices(((0, 1), (2,))), combination=pm.schwarz.Owned(pm.schwarz.SubspaceMinimisation())
    ),
    "neurons": MultiplicativeSchwarz(ByNeurons(3), Local(pm.Adam(), 2)),
    "levels": pm.levels.TwoLevel(
        coarse=(pm.levels.FewerPoints(), pm.levels.FirstLayers(2)), placement=pm.levels.Beside()
    ),
    "layer": pm.networks.Layer(2, 3, pm.networks.Tanh(), 1.0),
    "share": pm.objective.ShareOfPoints(0.5),
    "momentum": pm.optim.GaussNewton(pm.optim.MinimumNorm(), pm.optim.Momentum(), None),
    "ratio": pm.optim.GaussNewton(globalisation=pm.optim.RatioTargeted()),
    "region": pm.optim.GaussNewton(globalisation=pm.optim.TrustRegion()),
    "modes": pm.objective.CosineModes(3),
    "cycles": pm.levels.Multilevel(
        (
            pm.levels.CoarseLevel(pm.objective.ShareOfPoints(0.5), recursion=pm.levels.IfGradient(0.2)),
            pm.levels.CoarseLevel(pm.objective.HalfWidth(), model=pm.levels.Hybrid()),
        ),
        shape=pm.levels.WCycle(2),
        acceptance=pm.levels.LineSearched(),
        paying=pm.levels.Paying(3, retry=2),
    ),
    "bounded": pm.methods.monotone_multigrid(pm.optim.Bounds(-3.0, 3.0)),
    "full multigrid": pm.levels.full_multigrid(pm.methods.fcycle()),
    "smaller": pm.objective.Successive((pm.objective.HalfDepth(), pm.objective.HalfWidth())),
    "weak": pm.levels.TwoLevel(coarse=(pm.levels.WeakForm(3), pm.levels.WeakSpan(3))),
    "inner": pm.LBFGS(search=pm.optim.Armijo(), initial=pm.optim.GaussNewtonFactors(), rebuild=pm.optim.Every(2)),
}

NUMBERS = st.one_of(st.integers(-3, 4), st.floats(), st.booleans(), st.sampled_from([10**400, 1e300, -1e-300]))
ANYTHING = st.one_of(
    st.none(), NUMBERS, st.text(max_size=3), st.binary(max_size=3), st.builds(object), st.lists(NUMBERS, max_size=3),
    st.tuples(NUMBERS, NUMBERS), st.dictionaries(st.text(max_size=2), NUMBERS, max_size=2),
    st.sampled_from([int, TINY, pm.networks.Tanh(), pm.LBFGS(), ByLayer(), Local(pm.Adam()), (pm.Adam(),)]),
)  # fmt: skip


def parts(record: Any) -> list[Any]:
    """A record and all records inside it, each once by kind."""
    found = {type(record): record}
    for part in dataclasses.fields(record):
        value = getattr(record, part.name)
        for inner in value if isinstance(value, tuple) else (value,):
            if dataclasses.is_dataclass(inner):
                found |= {type(one): one for one in parts(inner)}
    return list(found.values())


def _settings(sample: Any) -> list[Any]:
    """The records in a sample that have something to set."""
    return [part for part in parts(sample) if dataclasses.fields(part)] if dataclasses.is_dataclass(sample) else []


KINDS = {type(part).__name__: part for sample in SAMPLES.values() for part in _settings(sample)}


def test_the_samples_hold_every_kind_of_setting() -> None:
    known = {
        name for name, kind in RECORDS.items()
        if kind.__dict__.get("__post_init__") is not None and not name.startswith("Abstract")
        and ":" not in name  # a record of another test
        and not getattr(kind, "__abstractmethods__", None)
    }  # fmt: skip
    missing = {name for name in known if name not in KINDS and dataclasses.fields(RECORDS[name])}
    # kinds without a setting of their own, or whose only use is shown elsewhere
    assert missing <= {"Compiled", "Custom", "Limit", "Iterations"}, missing


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=ANYTHING, data=st.data())
@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_setting_of_any_kind_is_taken_or_refused_by_its_name(name: str, value: Any, data: st.DataObject) -> None:
    record = KINDS[name]
    part = data.draw(st.sampled_from([part.name for part in dataclasses.fields(record) if part.init]))
    try:
        with within(1):
            changed = dataclasses.replace(record, **{part: value})
    except pm.DeclarationError as error:
        assert "where" in str(error) and (name in str(error) or part in str(error))
        return
    assert getattr(changed, part) == value or isinstance(value, list)


SOLVERS_OF_KINDS = sorted(name for name, record in KINDS.items() if isinstance(record, AbstractSolver))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=NUMBERS, data=st.data())
@pytest.mark.parametrize("name", SOLVERS_OF_KINDS)
def test_a_solver_that_was_taken_runs(name: str, value: Any, data: st.DataObject) -> None:
    """Whatever its numbers: it ends with a status, and the iterate is finite."""
    record = KINDS[name]
    part = data.draw(st.sampled_from([part.name for part in dataclasses.fields(record)]))
    try:
        solver = dataclasses.replace(record, **{part: value})
        solution = pm.solve(heat(), TINY, solver, points=pm.Sobol(8), stop=pm.Iterations(1), device="cpu")
    except pm.DeclarationError as error:
        assert "where" in str(error)
        return
    assert solution.result.iterate.is_finite()


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value of nested dictionaries and lists."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path] * bool(path) + [way for key, value in inner for way in places(value, (*path, key))]


JSON = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 4), st.floats(), st.text(max_size=3), st.just("MLP"), st.just({}),
    st.lists(st.integers(0, 2), max_size=2), st.just({"type": "Popen", "args": "ls"}),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(value=JSON, data=st.data(), sample=st.sampled_from([schwarz_gauss_newton(), aspqn(), pm.ResNet(), pm.RAD()]))
def test_a_configuration_changed_anywhere_is_read_or_refused(sample: Any, value: Any, data: st.DataObject) -> None:
    changed: Any = copy.deepcopy(encode(sample))
    *way, last = data.draw(st.sampled_from(places(changed)))
    inner = changed
    for key in way:
        inner = inner[key]
    inner[last] = value
    try:
        found = decode(changed, "config.json")
    except pm.DeclarationError as error:
        assert "here" in str(error)
        return
    assert is_complete(encode(found)) or not dataclasses.is_dataclass(found)
