/** The library in programs without Node, from the package: what docs/cpp.md says of CMake, g++ and pkg-config. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { temporary } from './support/project.js'

const mustHaveAll = process.env['CI'] === 'true'
const missing = ['gcc', 'g++', 'cmake', 'pkg-config'].filter(
  (tool) => spawnSync(tool, ['--version']).status !== 0,
)
const cannot = missing.length > 0 && !mustHaveAll

test.skipIf(cannot)(
  `every snippet of docs/cpp.md works${cannot ? ` (not installed: ${missing.join(', ')})` : ''}`,
  () => {
    const installed = join(inject('packed').installed, 'node_modules/rseq')
    const project = temporary()
    mkdirSync(join(project, 'node_modules'))
    symlinkSync(installed, join(project, 'node_modules/rseq'))
    const page = readFileSync(join(installed, 'docs/cpp.md'), 'utf8')
    const commands: string[] = []
    for (const [, language, file = '', text = ''] of page.matchAll(/^```(\w+) ?(\S*)\n(.*?)^```$/gms)) {
      if (file !== '') writeFileSync(join(project, file), text)
      else if (language === 'sh') commands.push(text)
    }
    expect(commands.length).toBeGreaterThan(4)
    for (const command of commands) {
      const { status, stdout, stderr } = spawnSync('sh', ['-euc', command], {
        cwd: project,
        encoding: 'utf8',
      })
      expect(status, stdout + stderr).toBe(0)
      // Only the installation runs no program.
      if (!command.includes('--install')) expect(stdout).toMatch(/^4000 additions$/m)
    }
  },
)
