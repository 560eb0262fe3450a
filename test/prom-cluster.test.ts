/** examples/prom-cluster: a service that moves from prom-client by one import and one line keeps its counts and its dashboard. */
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { machineWithSectionsOr } from './support/machine.js'
import { Prometheus, type Sample } from './support/prometheus.js'
import { WHY_NO_SHM } from './support/shared.js'
import { isInstalled } from './support/toolchains.js'

const EXAMPLES = join(import.meta.dirname, '..', 'examples')
const EXAMPLE = join(EXAMPLES, 'prom-cluster')
/** After more kills than there are workers, prom-client has lost what the first workers counted, for certain. */
const KILLS = 6
const VARIABLES: Readonly<Record<string, string>> = { $__rate_interval: '1m', $job: '.*', $instance: '.*' }

interface RunningService {
  readonly url: string
  readonly metricsPort: number
  start(): Promise<void>
  stop(): Promise<void>
}
type ServiceClass = new (version: string, name: string) => RunningService

/** The queries of a dashboard. */
function queriesOf(...file: string[]): string[] {
  const { panels } = JSON.parse(readFileSync(join(EXAMPLES, ...file), 'utf8')) as {
    panels: { targets?: { expr: string }[] }[]
  }
  return panels.flatMap(({ targets = [] }) =>
    targets.map(({ expr }) => expr.replace(/\$\w+/g, (name) => VARIABLES[name] ?? name)),
  )
}

test('the versions differ by one import and one line, as the README shows', () => {
  const { stdout } = spawnSync('diff', ['before.mjs', 'after.mjs'], { cwd: EXAMPLE, encoding: 'utf8' })
  expect(stdout.split('\n').filter((line) => line.startsWith('>'))).toHaveLength(2)
  expect(readFileSync(join(EXAMPLE, 'README.md'), 'utf8')).toContain(`\`\`\`diff\n${stdout}\`\`\``)
})

describe.skipIf(WHY_NO_SHM !== '')('the services', () => {
  test(`after ${KILLS} kills under load, nothing is lost that prom-client loses`, async ({ skip }) => {
    await machineWithSectionsOr(skip)
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(EXAMPLE, 'main.mjs'), String(KILLS)],
      { encoding: 'utf8', env: { ...process.env, RSEQ_BACKEND: undefined, RSEQ_TIER: undefined } },
    )
    const [before = '', after = ''] = stdout.split('after.mjs, after')
    expect(before).toMatch(/^before\.mjs, after 6 kills:[^]*^WRONG: [\d,]+ answers are not counted\.$/m)
    expect(after).toMatch(/^Exact: /m)
    expect(after).toMatch(/^All \d+ metrics of before\.mjs are there/m)
    expect(status, stderr).toBe(0)
  }, 900_000)

  test.skipIf(!isInstalled('prometheus'))(
    'every query of the dashboard has the same series',
    async ({ skip }) => {
      await machineWithSectionsOr(skip)
      const { Service } = (await import(join(EXAMPLE, 'service.mjs'))) as { Service: ServiceClass }
      const queries = queriesOf('prom-cluster', 'dashboard.json')
      // The other dashboard reads what threads measure, besides the requests.
      const others = queriesOf('dashboards', 'nodejs.json').filter((query) => query.includes('http_request'))
      expect([queries.length, others.length]).toEqual([17, 7])

      /** The names of the labels in each query's answer. */
      async function ask(version: string): Promise<string[][]> {
        const name = `prom-cluster-test-${process.pid}`
        const service = new Service(version, name)
        let isOver = false
        let prometheus: Prometheus | undefined
        const load = async (): Promise<void> => {
          while (!isOver) {
            for (const path of ['/', '/items', '/broken']) {
              await fetch(service.url + path).then(
                (answer) => answer.text(),
                () => undefined,
              )
            }
            await pause(20)
          }
        }
        let loading: Promise<void> | undefined
        try {
          await service.start()
          loading = load()
          prometheus = await Prometheus.start(service.metricsPort)
          const answers: string[][] = []
          for (const query of [...queries, ...others]) {
            const isThere = (all: Sample[]): boolean => all.some(({ value }) => Number.isFinite(value))
            const samples = await prometheus.until(query, isThere)
            expect(isThere(samples), `${version}: ${query}`).toBe(true)
            answers.push([...new Set(samples.flatMap(({ labels }) => Object.keys(labels)))].sort())
          }
          return answers
        } finally {
          isOver = true
          await loading
          await prometheus?.stop()
          await service.stop()
          rmSync(`/dev/shm/rseq.${name}`, { recursive: true, force: true })
        }
      }
      expect(await ask('after')).toEqual(await ask('before'))
    },
  )
})
