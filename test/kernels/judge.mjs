// From the lines of a console to results. Nothing passes by not being mentioned.

/** Splits `NAME pass|fail DETAIL`. */
function parseResult(text) {
  const match = /@@result (\S+) (pass|fail) ?(.*)/.exec(text)
  return match && { name: match[1], passed: match[2] === 'pass', detail: match[3] }
}

/** What a program printed, as the text between its two marks. */
function outputOf(name, lines) {
  const texts = lines.map(({ text }) => text)
  const from = texts.findIndex((text) => text.endsWith(`@@begin ${name}`))
  const to = texts.findIndex((text) => text.includes(`@@result ${name} `))
  return texts.slice(from + 1, to).join('\n')
}

/**
 * Judges one boot by its plan: a result for every name that the plan promises, one for the boot, one for
 * the orderly end, and a failure for whatever was reported twice or not asked for.
 *
 * @param boot - `lines` ({at, text}), `timedOut` and `seconds`.
 * @returns results: name, passed, detail, and the second at which each came in, if it did.
 */
export function judge({ lines, timedOut, seconds }, plan) {
  const reported = lines.flatMap((line) => {
    const result = parseResult(line.text)
    return result === null ? [] : [{ ...result, at: line.at }]
  })
  const one = (name) => {
    const found = reported.filter((result) => result.name === name)
    if (found.length === 1) return found[0]
    const detail = found.length === 0 ? 'never reported' : `reported ${found.length} times`
    return { name, passed: false, detail, at: found[0]?.at ?? null }
  }
  const promised = plan.flatMap(({ results }) => results)
  const results = promised.map(one)

  for (const { name, output } of plan) {
    const result = results.find((candidate) => candidate.name === name)
    if (output === null || !result.passed) continue
    const text = outputOf(name, lines)
    // The last line has the figures.
    if (output.test(text)) result.detail = text.trimEnd().split('\n').at(-1)
    else Object.assign(result, { passed: false, detail: `printed nothing that matches ${output}` })
  }
  const strangers = reported.filter(({ name }) => !promised.includes(name))
  const marked = (mark) => lines.find(({ text }) => text.includes(mark))
  const booted = marked('@@boot ')
  const ended = marked('@@end')
  return [
    {
      name: 'boot',
      passed: booted !== undefined,
      detail: booted === undefined ? 'init did not run' : booted.text.replace(/^.*@@boot /, 'Linux '),
      at: booted?.at ?? null,
    },
    ...results,
    ...strangers.map((result) => ({ ...result, passed: false, detail: `not in the plan: ${result.detail}` })),
    {
      name: 'end',
      passed: ended !== undefined && !timedOut,
      detail: timedOut ? `stopped after ${seconds.toFixed(0)} s` : ended ? 'switched off' : 'no end',
      at: ended?.at ?? null,
    },
  ]
}
