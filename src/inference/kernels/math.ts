/** Functions of four numbers at a time. They use only operations whose result the WASM specification defines exactly. */

// @ts-ignore: decorator
@inline
function four(x: f32): v128 {
  return f32x4.splat(x);
}

/** 1.5 × 2²³: a number below 2²² in size, added to it, leaves its nearest whole number in the low bits (ties to even). */
const ROUNDER: f32 = 12582912;
const ROUNDER_BITS: i32 = 0x4b400000;

/** The nearest whole numbers, as i32; |x| below 2²². */
// @ts-ignore: decorator
@inline
export function round(x: v128): v128 {
  return i32x4.sub(f32x4.add(x, four(ROUNDER)), i32x4.splat(ROUNDER_BITS));
}

/**
 * e to the power of x, to 2 in the last place, for −87 ≤ x ≤ 88; x is clamped to that range.
 * x = n ln 2 + r with |r| ≤ ½ ln 2, where ln 2 is taken in two parts so that n times the first is exact; then a
 * polynomial for e to the power of r (the coefficients are those of expf in Moshier's Cephes library).
 */
// @ts-ignore: decorator
@inline
export function exp(x: v128): v128 {
  return expOfNegative(f32x4.min(x, four(88)));
}

/** The same for x ≤ 88. */
// @ts-ignore: decorator
@inline
export function expOfNegative(x: v128): v128 {
  x = f32x4.max(x, four(-87));
  const rounded = f32x4.add(f32x4.mul(x, four(1.44269504)), four(ROUNDER));
  const n = f32x4.sub(rounded, four(ROUNDER));
  let r = f32x4.sub(x, f32x4.mul(n, four(0.693359375)));
  r = f32x4.add(r, f32x4.mul(n, four(2.12194440e-4)));
  let y = f32x4.add(f32x4.mul(r, four(1.9875691500e-4)), four(1.3981999507e-3));
  y = f32x4.add(f32x4.mul(y, r), four(8.3334519073e-3));
  y = f32x4.add(f32x4.mul(y, r), four(4.1665795894e-2));
  y = f32x4.add(f32x4.mul(y, r), four(1.6666665459e-1));
  y = f32x4.add(f32x4.mul(y, r), four(5.0000001201e-1));
  y = f32x4.add(f32x4.add(f32x4.mul(f32x4.mul(y, r), r), r), four(1));
  return f32x4.mul(y, i32x4.shl(i32x4.add(rounded, i32x4.splat(127 - ROUNDER_BITS)), 23));
}

/** tanh x = 1 − 2 / (e^2x + 1) */
// @ts-ignore: decorator
@inline
export function tanh(x: v128): v128 {
  const e = exp(f32x4.add(x, x));
  return f32x4.sub(four(1), f32x4.div(four(2), f32x4.add(e, four(1))));
}

/**
 * GELU by tanh (Hendrycks and Gimpel 2016; `gelu_new` of transformers): ½ x (1 + tanh u) with
 * u = √(2/π) (x + 0.044715 x³), which is x / (1 + e^−2u).
 */
// @ts-ignore: decorator
@inline
export function geluByTanh(x: v128): v128 {
  const cube = f32x4.mul(f32x4.mul(x, x), x);
  const u = f32x4.mul(four(0.7978845608), f32x4.add(x, f32x4.mul(four(0.044715), cube)));
  return f32x4.div(x, f32x4.add(four(1), exp(f32x4.mul(four(-2), u))));
}

/**
 * GELU as it is defined: ½ x (1 + erf(x / √2)). 1 − erf z = (1 + a₁z + … + a₆z⁶)⁻¹⁶ for z ≥ 0 (Abramowitz and Stegun 1964,
 * 7.1.28: within 3e-7).
 */
// @ts-ignore: decorator
@inline
export function geluByErf(x: v128): v128 {
  const z = f32x4.abs(f32x4.mul(x, four(0.7071067812)));
  let y = f32x4.add(f32x4.mul(z, four(0.0000430638)), four(0.0002765672));
  y = f32x4.add(f32x4.mul(y, z), four(0.0001520143));
  y = f32x4.add(f32x4.mul(y, z), four(0.0092705272));
  y = f32x4.add(f32x4.mul(y, z), four(0.0422820123));
  y = f32x4.add(f32x4.mul(y, z), four(0.0705230784));
  y = f32x4.add(f32x4.mul(y, z), four(1));
  y = f32x4.mul(y, y);
  y = f32x4.mul(y, y);
  y = f32x4.mul(y, y);
  y = f32x4.mul(y, y);
  // ½ x (1 − |erf|), which is GELU below zero; above zero it is what is missing to x.
  const below = f32x4.div(f32x4.mul(four(0.5), x), y);
  return v128.bitselect(below, f32x4.sub(x, below), f32x4.lt(x, four(0)));
}

// @ts-ignore: decorator
@inline
export function relu(x: v128): v128 {
  return f32x4.max(x, four(0));
}

/** x times its logistic function (Elfwing et al. 2017): x / (1 + e^−x). */
// @ts-ignore: decorator
@inline
export function silu(x: v128): v128 {
  return f32x4.div(x, f32x4.add(four(1), exp(f32x4.neg(x))));
}

/** A smaller range counts as zero. Its inverse, times any number of steps here, is still finite. */
const TINY: f32 = 1e-30;

/** steps / size in all lanes; 0 where the size counts as zero. */
// @ts-ignore: decorator
@inline
export function inverseScale(size: f32, steps: f32): v128 {
  return f32x4.splat(size > TINY ? steps / size : 0);
}

// @ts-ignore: decorator
@inline
export function hsum(x: v128): f32 {
  return (
    f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3))
  );
}

// @ts-ignore: decorator
@inline
export function hmax(x: v128): f32 {
  return max(
    max(f32x4.extract_lane(x, 0), f32x4.extract_lane(x, 1)),
    max(f32x4.extract_lane(x, 2), f32x4.extract_lane(x, 3)),
  );
}

// @ts-ignore: decorator
@inline
export function hmin(x: v128): f32 {
  return min(
    min(f32x4.extract_lane(x, 0), f32x4.extract_lane(x, 1)),
    min(f32x4.extract_lane(x, 2), f32x4.extract_lane(x, 3)),
  );
}

/** A mask of the first `count` lanes; `count` may be 0 or negative. */
// @ts-ignore: decorator
@inline
export function before(count: i32): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(count));
}
