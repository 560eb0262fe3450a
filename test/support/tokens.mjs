// Typed by tokens.d.mts; JavaScript, because workers use it as well.

/** Room for `count` tokens, numbered from 1, in shared memory. */
export function makeTokens(count) {
  return {
    holders: new Int32Array(new SharedArrayBuffer(4 * (count + 1))),
    twice: new Int32Array(new SharedArrayBuffer(4)),
  }
}

/** Notes that `who`, a number from 1, has the token now; if somebody else has it as well, that is noted for ever. */
export function hold({ holders, twice }, token, who) {
  if (Atomics.compareExchange(holders, token, 0, who) !== 0) Atomics.add(twice, 0, 1)
}

/** To be called before the token is put back. */
export function release({ holders, twice }, token, who) {
  if (Atomics.compareExchange(holders, token, who, 0) !== who) Atomics.add(twice, 0, 1)
}

export function judge({ holders, twice }, found) {
  const count = holders.length - 1
  const isToken = (value) => Number.isInteger(value) && value >= 1 && value <= count
  return {
    foreign: found.filter((value) => !isToken(value)).length,
    twice: twice[0] + found.length - new Set(found).size,
    missing: count - new Set(found.filter(isToken)).size,
  }
}
