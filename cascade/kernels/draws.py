"""Counter-based draws: every number is a function of (seed, stream, step, k), so that twins share all randomness.

`stream_key` is taken once per mechanism and market, `bits` once per draw; all else turns a word or a uniform into
the variate. Counts and variates come by inversion and grow with `u`: a small change of a mean changes few of them.
The mixer is splitmix64's (Steele, Lea, Flood 2014; constants of Stafford's variant 13). All integers are uint64:
`int64 + uint64` would be a float. Seeds, streams, steps and k must not be negative.
"""

import math

import numpy as np

from cascade.kernels.jit import rule

GOLDEN = np.uint64(0x9E37_79B9_7F4A_7C15)  # odd, 2**64 over the golden ratio: the increment along k
STRIDE = np.uint64(0xD1B5_4A32_D192_ED03)  # odd: the increment along steps (Weyl constant of the R2 sequence)
MIX_A, MIX_B = np.uint64(0xBF58_476D_1CE4_E5B9), np.uint64(0x94D0_49BB_1331_11EB)
S12, S27, S30, S31 = np.uint64(12), np.uint64(27), np.uint64(30), np.uint64(31)
ONE = np.uint64(1)
LARGEST_SEARCHED_MEAN = 32.0  # above, counts come from the normal with its skewness corrected: exact to 1% of a sd


@rule
def mix(word):
    """Return a bijective scramble of a uint64: every bit of it hangs on every bit of `word`."""
    word = (word ^ (word >> S30)) * MIX_A
    word = (word ^ (word >> S27)) * MIX_B
    return word ^ (word >> S31)


@rule
def stream_key(seed, stream, a):
    """Return the uint64 key of one mechanism (`stream`) in one place (`a`, say the market)."""
    key = mix(np.uint64(seed) + GOLDEN)
    key = mix(key + np.uint64(stream) * STRIDE + ONE)
    return mix(key + np.uint64(a) * GOLDEN + ONE)


@rule
def bits(key, step, k):
    """Return the 64 random bits of draw `k` in `step`."""
    return mix(key + np.uint64(step) * STRIDE + np.uint64(k) * GOLDEN)


@rule
def uniform(word):
    """Return a float64 in (0, 1), both ends excluded, from the high 52 bits; the low 12 are free for `field`."""
    return (np.int64(word >> S12) + 0.5) * 2.0**-52


@rule
def field(word, shift, n_bits):
    """Return `n_bits` bits of a word above its lowest `shift`, as an int64: several small draws from one word."""
    return np.int64((word >> np.uint64(shift)) & ((ONE << np.uint64(n_bits)) - ONE))


@rule
def poisson(mean, u):
    """Return the Poisson count whose distribution function first reaches `u`; never falls as `u` grows."""
    if mean > LARGEST_SEARCHED_MEAN:
        z = normal(u)
        return max(np.int64(math.floor(mean + math.sqrt(mean) * z + (z * z - 1.0) / 6.0 + 0.5)), np.int64(0))
    count = np.int64(0)
    probability = math.exp(-mean)
    reached = probability
    while u > reached:
        count += 1
        probability *= mean / count
        if reached + probability == reached and count > mean:
            break  # the last bits of `u` are beyond what the sum can reach
        reached += probability
    return count


@rule
def exponential(u):
    """Return the exponential variate of mean 1; the difference is exact for a `uniform`."""
    return -math.log(1.0 - u)


@rule
def normal(u):
    """Return the standard normal variate: Wichura's algorithm AS 241, PPND16 (1988), relative error about 1e-16."""
    q = u - 0.5
    if abs(q) <= 0.425:
        return q * _central(0.180625 - q * q)
    r = math.sqrt(-math.log(u if q < 0.0 else 1.0 - u))
    z = _middle(r - 1.6) if r <= 5.0 else _tail(r - 5.0)
    return -z if q < 0.0 else z


@rule
def _central(r):
    above = ((2.5090809287301226727e3 * r + 3.3430575583588128105e4) * r + 6.7265770927008700853e4) * r
    above = ((above + 4.5921953931549871457e4) * r + 1.3731693765509461125e4) * r + 1.9715909503065514427e3
    above = (above * r + 1.3314166789178437745e2) * r + 3.3871328727963666080e0
    below = ((5.2264952788528545610e3 * r + 2.8729085735721942674e4) * r + 3.9307895800092710610e4) * r
    below = ((below + 2.1213794301586595867e4) * r + 5.3941960214247511077e3) * r + 6.8718700749205790830e2
    return above / ((below * r + 4.2313330701600911252e1) * r + 1.0)


@rule
def _middle(r):
    above = ((7.74545014278341407640e-4 * r + 2.27238449892691845833e-2) * r + 2.41780725177450611770e-1) * r
    above = ((above + 1.27045825245236838258e0) * r + 3.64784832476320460504e0) * r + 5.76949722146069140550e0
    above = (above * r + 4.63033784615654529590e0) * r + 1.42343711074968357734e0
    below = ((1.05075007164441684324e-9 * r + 5.47593808499534494600e-4) * r + 1.51986665636164571966e-2) * r
    below = ((below + 1.48103976427480074590e-1) * r + 6.89767334985100004550e-1) * r + 1.67638483018380384940e0
    return above / ((below * r + 2.05319162663775882187e0) * r + 1.0)


@rule
def _tail(r):
    above = ((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 1.24266094738807843860e-3) * r
    above = ((above + 2.65321895265761230930e-2) * r + 2.96560571828504891230e-1) * r + 1.78482653991729133580e0
    above = (above * r + 5.46378491116411436990e0) * r + 6.65790464350110377720e0
    below = ((2.04426310338993978564e-15 * r + 1.42151175831644588870e-7) * r + 1.84631831751005468180e-5) * r
    below = ((below + 7.86869131145613259100e-4) * r + 1.48753612908506148525e-2) * r + 1.36929880922735805310e-1
    return above / ((below * r + 5.99832206555887937690e-1) * r + 1.0)
