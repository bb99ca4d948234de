"""The one place with compiler flags: `rule`, `kernel`, and the intrinsics that Python lacks.

One calling convention for all compiled code (measured: 12 ns a book message in small readable functions with it,
53-63 without). State travels as NamedTuples of arrays; functions return scalars; nothing counts references.
`_nrt=False` is a private option of numba (pinned): it also refuses any allocation at compile time.
"""

import hashlib
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numba import config

JITTED = not config.DISABLE_JIT
OUR_NAME = "cascade7kernels"  # in the name of every compiled function of this package


def kernel_hash() -> str:
    """Return a hash of all compiled sources and of the flags that numba's own cache does not see."""
    here = Path(__file__).resolve().parent
    digest = hashlib.sha256()
    for path in [*sorted(here.glob("*.py")), *sorted((here.parent / "state").glob("*.py"))]:
        digest.update(path.relative_to(here.parent).as_posix().encode() + b"\0" + path.read_bytes())
    digest.update(f"boundscheck={config.BOUNDSCHECK}".encode())
    return digest.hexdigest()[:16]


def _cache_dir() -> str:
    """Return a writable folder for compiled code, named by the sources: numba misses edits in called modules."""
    roots = [os.environ.get("CASCADE_CACHE_DIR"), Path(__file__).resolve().parent / "__pycache__"]
    roots += [
        Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "cascade",
        Path(tempfile.gettempdir()) / "cascade",
    ]
    for root in roots:
        if root is None:
            continue
        folder = Path(root) / f"compiled-{kernel_hash()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return str(folder)
        except OSError:
            continue
    return tempfile.mkdtemp(prefix="cascade-")


config.CACHE_DIR = _cache_dir()

from numba import njit, types  # noqa: E402  (after CACHE_DIR is set)
from numba.core import event  # noqa: E402
from numba.extending import intrinsic  # noqa: E402
from numba.np import arrayobj  # noqa: E402

_fix_index = arrayobj.fix_integer_index


def _index(context, builder, kind, index, size):
    """Return an index as it is in compiled code of these kernels: none counts from the end, so none is tested for it.

    Replaces a private function of numba (pinned), for functions of this package alone. With bounds checks on, a
    negative index is an error.
    """
    if OUR_NAME not in builder.function.name:
        return _fix_index(context, builder, kind, index, size)
    return context.cast(builder, index, kind, types.intp if kind.signed else types.uintp)


arrayobj.fix_integer_index = _index

_inlined = {"error_model": "numpy", "_nrt": False, "forceinline": True}
_plain_rule = njit(**_inlined)
_world_rule = njit(**_inlined, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def rule(function):
    """Compile a small function that kernels call.

    One that takes the whole `world` has no door for Python: unpacking its arrays for each would double the time to
    compile. Calling it from Python without a kernel ends the process.
    """
    takes_world = function.__code__.co_varnames[:1] == ("world",)
    return (_world_rule if takes_world else _plain_rule)(function)


kernel = njit(error_model="numpy", _nrt=False, nogil=True, cache=True)


@contextmanager
def compile_clock():
    """Yield a function that returns the seconds spent on compiling since, by any thread."""
    listener = event.TimingListener()
    with event.install_listener("numba:compile", listener):
        yield lambda: listener.duration if listener.done else 0.0


if JITTED:

    @intrinsic
    def trailing_zeros(typingctx, word):
        """Return the number of zero bits below the lowest set bit of a uint64 that is not 0."""

        def codegen(context, builder, signature, args):
            return builder.cttz(args[0], context.get_constant(types.boolean, True))

        return types.int64(types.uint64), codegen

    @intrinsic
    def leading_zeros(typingctx, word):
        """Return the number of zero bits above the highest set bit of a uint64 that is not 0."""

        def codegen(context, builder, signature, args):
            return builder.ctlz(args[0], context.get_constant(types.boolean, True))

        return types.int64(types.uint64), codegen

    @intrinsic
    def prefetch(typingctx, array, index):
        """Ask for the cache line of `array[index]`; changes nothing."""
        signature = types.void(array, index)

        def codegen(context, builder, signature, args):
            from llvmlite import ir
            from numba.core import cgutils
            from numba.np import arrayobj

            struct = arrayobj.make_array(signature.args[0])(context, builder, args[0])
            pointer = cgutils.get_item_pointer(context, builder, signature.args[0], struct, [args[1]], wraparound=False)
            i32 = ir.IntType(32)
            byte_pointer = builder.bitcast(pointer, cgutils.voidptr_t)
            function_type = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, i32, i32, i32])
            function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.prefetch.p0")
            builder.call(function, [byte_pointer, i32(0), i32(3), i32(1)])
            return context.get_dummy_value()

        return signature, codegen

else:

    def trailing_zeros(word):
        """Return the number of zero bits below the lowest set bit of a uint64 that is not 0."""
        word = int(word)
        return np.int64((word & -word).bit_length() - 1)

    def leading_zeros(word):
        """Return the number of zero bits above the highest set bit of a uint64 that is not 0."""
        return np.int64(64 - int(word).bit_length())

    def prefetch(array, index):
        """Do nothing: there is no cache to warm without the JIT."""
