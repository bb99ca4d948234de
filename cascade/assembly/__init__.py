"""A scenario and a seed -> the arrays of a world, ready to run."""

from cascade.assembly.contracts import make_contracts
from cascade.assembly.holders import Population, draw_accounts, has_same_accounts
from cascade.assembly.ledger import make_ledger
from cascade.assembly.population import draw_population
from cascade.assembly.portfolios import arrange
from cascade.assembly.providers import post_tables, profile
from cascade.assembly.records import make_records
from cascade.assembly.rules import make_winners
from cascade.assembly.settings import MIDDLES, noise_quantiles, paces
from cascade.assembly.world import build_world

__all__ = [
    "MIDDLES",
    "Population",
    "arrange",
    "build_world",
    "draw_accounts",
    "draw_population",
    "has_same_accounts",
    "make_contracts",
    "make_ledger",
    "make_records",
    "make_winners",
    "noise_quantiles",
    "paces",
    "post_tables",
    "profile",
]
