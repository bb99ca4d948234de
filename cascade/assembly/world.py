"""All parts of a scenario and a seed, put together."""

from cascade.assembly.contracts import make_contracts
from cascade.assembly.holders import Population, make_holders
from cascade.assembly.ledger import make_ledger
from cascade.assembly.markets import make_coins, make_markets
from cascade.assembly.providers import make_liquidity
from cascade.assembly.records import make_counters, make_records
from cascade.assembly.rules import make_pools, make_rules, make_winners
from cascade.assembly.settings import make_settings
from cascade.kernels.placement import set_out
from cascade.memory import empty_book
from cascade.scenario import Scenario
from cascade.state import World
from cascade.venues import margin_tables


def build_world(scenario: Scenario, seed: int, population: Population | None = None) -> tuple[World, dict]:
    """Return the world of a scenario before its warm-up, and what was drawn; from accounts drawn before, a copy.

    Raises
    ------
    InvalidConfigError
        If the parts of the scenario do not fit together.
    """
    contracts = make_contracts(scenario)
    margin = margin_tables(scenario.venues, scenario.coins)
    if population is not None:
        accounts, ladder, cross, drawn = population.copy_for(scenario, seed)
    else:
        accounts, ladder, cross, drawn = make_holders(scenario, contracts, margin, seed)
    rules, ledger = make_rules(scenario, contracts), make_ledger(scenario, contracts, accounts, cross)
    world = World(
        book=empty_book(len(contracts.coin), scenario.priors.run.order_slots),
        contracts=contracts,
        margin=margin,
        accounts=accounts,
        ladder=ladder,
        coins=make_coins(scenario),
        markets=make_markets(scenario, contracts),
        liquidity=make_liquidity(scenario, contracts),
        settings=make_settings(scenario, contracts, seed),
        rules=rules,
        pools=make_pools(scenario, contracts, ledger),
        winners=make_winners(rules, len(accounts.rows) + len(cross.legs)),
        ledger=ledger,
        counters=make_counters(),
        records=make_records(scenario, rules, ledger, len(accounts.rows) + len(cross.legs)),
        cross=cross,
    )
    if scenario.accounts is not None or scenario.providers is not None:
        set_out(world)
    return world, drawn
