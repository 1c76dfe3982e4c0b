"""Networks: θ and points in, jets (the derivatives asked for, and no others) out."""

from pinnml.network.activation import Activation, Sin, Tanh
from pinnml.network.architectures import MLP, ResNet
from pinnml.network.autograd import derivatives, nested
from pinnml.network.beside import BesideNetwork, Member, bind_beside
from pinnml.network.block_weights import Antisymmetric, BlockWeights, FreeWeights, LearnedStep, StepLength
from pinnml.network.chain import ChainNetwork, Layer
from pinnml.network.compiled import Compiled
from pinnml.network.corner import Corner
from pinnml.network.crossed import Crossed
from pinnml.network.deepened import DeepenedNetwork, arranged, blocks_between, origin_of
from pinnml.network.embedding import (
    Embedding,
    FeatureMap,
    FourierFeatures,
    Identity,
    Inverted,
    Normalised,
    PeriodicEmbedding,
)
from pinnml.network.features import RandomFeatures
from pinnml.network.flow import FlowNetwork
from pinnml.network.flow_layer import FlowLayer
from pinnml.network.frozen import FrozenNetwork
from pinnml.network.growth import Growth, body_of, growth_of, neurons_of, regrown
from pinnml.network.indices import closure, leibniz, products
from pinnml.network.initial_layer import InitialLayer
from pinnml.network.integrators import (
    ForwardEuler,
    Integrator,
    Leapfrog,
    Program,
    RungeKutta4,
    Substep,
    Summand,
    Verlet,
)
from pinnml.network.inversion import Hole, Inversion
from pinnml.network.module import Custom, ModuleNetwork
from pinnml.network.network import AbstractLinearisation, AbstractNetwork, Architecture, Block
from pinnml.network.ode_net import ODENet
from pinnml.network.patch import Patches
from pinnml.network.readout import JETS, WidenedNetwork
from pinnml.network.side import Level, Side
from pinnml.network.singularity import Singularity
from pinnml.network.states import StatesNetwork
from pinnml.network.stretch import Stretch
from pinnml.network.with_geometry import WithGeometry
from pinnml.network.workspace import Workspace

__all__ = [
    "Antisymmetric",
    "BlockWeights",
    "FlowLayer",
    "FlowNetwork",
    "ForwardEuler",
    "FreeWeights",
    "Integrator",
    "LearnedStep",
    "Leapfrog",
    "ODENet",
    "Program",
    "RungeKutta4",
    "StepLength",
    "Substep",
    "Summand",
    "Verlet",
    "JETS",
    "MLP",
    "AbstractLinearisation",
    "AbstractNetwork",
    "Activation",
    "Architecture",
    "BesideNetwork",
    "Block",
    "ChainNetwork",
    "Compiled",
    "Corner",
    "Crossed",
    "Custom",
    "DeepenedNetwork",
    "Embedding",
    "FeatureMap",
    "FourierFeatures",
    "FrozenNetwork",
    "Growth",
    "Hole",
    "Identity",
    "InitialLayer",
    "Inversion",
    "Inverted",
    "Layer",
    "Level",
    "Member",
    "ModuleNetwork",
    "Normalised",
    "Patches",
    "PeriodicEmbedding",
    "RandomFeatures",
    "ResNet",
    "Side",
    "Sin",
    "Singularity",
    "StatesNetwork",
    "Stretch",
    "Tanh",
    "WidenedNetwork",
    "WithGeometry",
    "Workspace",
    "arranged",
    "bind_beside",
    "blocks_between",
    "body_of",
    "closure",
    "derivatives",
    "growth_of",
    "neurons_of",
    "leibniz",
    "nested",
    "products",
    "origin_of",
    "regrown",
]
