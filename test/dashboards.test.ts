/** The dashboard and the alerts in examples/dashboards: expressions that Prometheus accepts, over metrics that there are. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { isInstalled } from './support/toolchains.js'

const examples = join(import.meta.dirname, '..', 'examples')
const dashboards = join(examples, 'dashboards')
const temporary = mkdtempSync(join(tmpdir(), 'rseq-dashboards-'))
afterAll(() => {
  rmSync(temporary, { recursive: true })
})

interface Panel {
  title: string
  gridPos: { x: number; w: number }
  targets?: { expr: string }[]
}
const { panels } = JSON.parse(readFileSync(join(dashboards, 'nodejs.json'), 'utf8')) as { panels: Panel[] }
const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))

/** The names that an expression reads: words before a brace, a bracket or a comparison, which are no functions. */
function metricsIn(expression: string): string[] {
  const withoutLabels = expression.replaceAll(/\{[^}]*\}/g, '').replaceAll(/\bby \([^)]*\)/g, '')
  return [...withoutLabels.matchAll(/\b[a-z_]+_[a-z_]+\b(?!\s*\()/g)].map(([name]) => name)
}

/** The names that the example service exposes, with those of its histograms' samples. */
async function exposed(): Promise<Set<string>> {
  const { service } = (await import(join(examples, 'http-service', 'metrics.mjs'))) as {
    service: { create(): { text(): string } }
  }
  const types = [
    ...service
      .create()
      .text()
      .matchAll(/^# TYPE (\S+) (\S+)$/gm),
  ]
  return new Set(
    types.flatMap(([, name = '', type]) =>
      type === 'histogram' ? ['_bucket', '_sum', '_count'].map((ending) => name + ending) : [name],
    ),
  )
}

test('every expression of the dashboard and of the alerts reads metrics that the example service has', async () => {
  const names = await exposed()
  const alerts = readFileSync(join(dashboards, 'alerts.yml'), 'utf8')
  const ofAlerts = [...alerts.matchAll(/expr: (?:>-\n\s+)?(.*)/g)].map(([, expr]) => expr as string)
  expect(ofAlerts).toHaveLength(7)
  expect(expressions.length).toBeGreaterThan(15)
  for (const expression of [...expressions, ...ofAlerts]) {
    const read = metricsIn(expression.replaceAll('$__rate_interval', '5m'))
    expect(read.length, expression).toBeGreaterThan(0)
    for (const name of read) expect(names, expression).toContain(name)
  }
  expect(names).not.toContain('http_request_total') // A name that there is not would be found.
})

test('panels do not overlap or leave the page', () => {
  for (const { gridPos, title } of panels) expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24)
})

describe.skipIf(!isInstalled('promtool'))('promtool', () => {
  const promtool = (...options: string[]) => {
    const { status, stdout, stderr } = spawnSync('promtool', options, { encoding: 'utf8', cwd: dashboards })
    return { status, output: stdout + stderr }
  }
  const rulesOf = (all: readonly string[]): string => {
    const file = join(temporary, 'rules.yml')
    const rules = all.map((expr, k) => ({
      record: `rule_${k}`,
      expr: expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$(job|instance)/g, '.*'),
    }))
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'all', rules }] }))
    return file
  }

  test('accepts the expressions of the dashboard', () => {
    expect(promtool('check', 'rules', rulesOf(expressions))).toMatchObject({ status: 0 })
    expect(promtool('check', 'rules', rulesOf(['sum by (rate(x[5m])']))).toMatchObject({ status: 1 })
  })

  test('accepts the alerts, which tell what they must, when they must', () => {
    expect(promtool('check', 'rules', 'alerts.yml')).toMatchObject({ status: 0 })
    expect(promtool('test', 'rules', 'alerts.test.yml')).toMatchObject({ status: 0 })
  })
})
