"""The compiled book against the plain one, after every message; and what its compiled code may not hold."""

from array import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from reference import ReferenceBook
from streams import FIELDS, SHAPES, Shape, assert_bits_match_levels, draw_messages, play

from cascade.kernels import exchange as kernels
from cascade.kernels.jit import JITTED
from cascade.kernels.listing import list_levels, list_orders
from cascade.memory import empty_exchange
from cascade.state import BUY, DEPTH, EVENT, MESSAGE, RESTING, SelfTrade

CHUNK = 2_000  # messages between two comparisons
EVENTS = 50 * CHUNK  # more than these can cause
N_MESSAGES = 50_000 if JITTED else 250  # a shape, in the ordinary run: a million in all
N_SLOW = 500_000  # a shape, in the slow run: ten million in all


def reference_replies(reference: ReferenceBook, messages: np.ndarray) -> tuple[list, array, list[int]]:
    """Play `messages`; return replies, all resting orders after each message, and how many these were."""
    replies, state, sizes = [], array("q"), []
    for message in zip(*(messages[name].tolist() for name in FIELDS), strict=True):
        replies.append(reference.apply(*message))
        orders = reference.orders()
        for order in orders:
            state.extend((order.id, order.side, order.tick, order.lots, order.owner))
        sizes.append(len(orders))
    return replies, state, sizes


def assert_same(exchange, reference: ReferenceBook, messages: np.ndarray) -> None:
    """Play `messages` on both, and compare replies, events and the whole state after every message."""
    replies = np.zeros((messages.size, 2), np.int64)
    state = np.zeros((messages.size * reference.capacity, 5), np.int64)
    sizes = np.zeros(messages.size, np.int64)
    exchange.counts[kernels.N_EVENTS] = 0
    reference.events.clear()
    n_sound = play(exchange, messages, replies, state, sizes)
    assert n_sound == messages.size, f"unsound after message {n_sound}: {messages[n_sound]}"

    expected_replies, expected_state, expected_sizes = reference_replies(reference, messages)
    np.testing.assert_array_equal(replies, np.array(expected_replies, np.int64).reshape(-1, 2))
    np.testing.assert_array_equal(sizes, expected_sizes)
    expected = np.frombuffer(expected_state, np.int64) if expected_state else np.zeros(0, np.int64)
    np.testing.assert_array_equal(state[: sizes.sum()].ravel(), expected)
    events = exchange.events[: exchange.counts[kernels.N_EVENTS]]
    expected_events = [tuple(vars(event).values()) for event in reference.events]
    np.testing.assert_array_equal(events, np.array(expected_events, EVENT))


def play_shape(shape: Shape, n: int, seed: int) -> int:
    """Hold both books against each other after every message; return how many they took."""
    exchange = empty_exchange(shape.capacity, shape.policy, EVENTS)
    reference = ReferenceBook(shape.capacity, shape.policy)
    messages = draw_messages(shape, n, seed)
    for start in range(0, n, CHUNK):
        assert_same(exchange, reference, messages[start : start + CHUNK])
    assert_bits_match_levels(exchange.book)
    return int(exchange.counts[1])


@pytest.mark.small
@pytest.mark.parametrize("name", SHAPES)
def test_book__equals_the_reference_after_every_message(name):
    assert play_shape(SHAPES[name], N_MESSAGES, seed=1) == N_MESSAGES


@pytest.mark.slow
@pytest.mark.parametrize("name", SHAPES)
def test_book__equals_the_reference_after_every_message_of_ten_million(name):
    assert play_shape(SHAPES[name], N_SLOW, seed=2) == N_SLOW


INT32 = st.integers(-(2**31), 2**31 - 1)
TICK = st.integers(0, 5) | st.integers(2**18 - 5, 2**18) | INT32
MESSAGES = st.lists(
    st.tuples(
        st.integers(0, 6) | st.integers(-(2**63), 2**63 - 1),
        st.integers(0, 6) | st.integers(-1, 8),
        st.integers(0, 1) | INT32,
        TICK,
        st.integers(1, 9) | INT32,
        st.integers(0, 2) | INT32,
        st.just(0),
    ),
    max_size=30,
)


@pytest.mark.small
@settings(max_examples=200 if JITTED else 20)
@given(messages=MESSAGES, capacity=st.integers(1, 4), policy=st.integers(0, 2))
def test_book__equals_the_reference_on_streams_that_hypothesis_finds(messages, capacity, policy):
    assert_same(empty_exchange(capacity, policy, EVENTS), ReferenceBook(capacity, policy), np.array(messages, MESSAGE))


def counts_references(function) -> bool:
    """Compile `function` anew, with its own flags (numba shows no code that came from its cache), and look."""
    fresh = type(function)(function.py_func, targetoptions=function.targetoptions)
    for signature in function.signatures:
        fresh.compile(signature)
    assert fresh.signatures
    return any("NRT_" in fresh.inspect_llvm(signature) for signature in fresh.signatures)


@pytest.mark.skipif(not JITTED, reason="needs compiled code")
def test_kernels__hold_no_reference_counting():
    exchange = empty_exchange(4, SelfTrade.CANCEL_RESTING)
    kernels.apply(exchange, np.zeros(1, MESSAGE), np.zeros(1, np.int8), 0)
    list_orders(exchange.book, BUY, np.zeros(4, RESTING))
    list_levels(exchange.book, BUY, np.zeros(4, DEPTH))
    for entry in (kernels.apply, list_orders, list_levels):
        assert len(entry.signatures) == 1
        assert not counts_references(entry)

    @njit
    def careless(values):
        return values[1:].copy()

    careless(np.zeros(3))
    assert counts_references(careless)  # the check can fail
