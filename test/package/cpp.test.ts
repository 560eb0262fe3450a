/** The library in programs without Node, from the package: what docs/cpp.md says of CMake, g++ and pkg-config. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { CppProject, WHY_NO_CPP } from '../support/cpp-page.js'

test.skipIf(WHY_NO_CPP !== '')(
  `every snippet of docs/cpp.md works${WHY_NO_CPP === '' ? '' : ` (${WHY_NO_CPP})`}`,
  () => {
    const project = new CppProject(join(inject('packed').installed, 'node_modules/rseq'))
    expect(project.commands.length).toBeGreaterThan(4)
    for (const command of project.commands) {
      const { status, output } = project.run(command)
      expect(status, output).toBe(0)
      // Only the installation runs no program.
      if (!command.includes('--install')) expect(output).toMatch(/^4000 additions$/m)
    }
    rmSync(project.directory, { recursive: true })
  },
)
