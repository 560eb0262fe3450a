// One line for every step, with how long it took: where a budget goes should be seen.
const begun = performance.now()

/** Steps of this run: what, and how many seconds. */
export const steps = []

export function say(seconds, text) {
  const total = ((performance.now() - begun) / 1000).toFixed(1)
  console.log(`[${total.padStart(7)} s] ${seconds === null ? '' : `${seconds.toFixed(1)} s  `}${text}`)
}

/** Runs `work`; prints and notes the step when it is done, unless it was nothing (found in the cache). */
export async function step(title, work) {
  const from = performance.now()
  const result = await work()
  const seconds = (performance.now() - from) / 1000
  if (seconds >= 0.05) {
    say(seconds, title)
    steps.push({ title, seconds: Number(seconds.toFixed(1)) })
  }
  return result
}
