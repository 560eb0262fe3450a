/**
 * The snippets of docs/cpp.md, which tests build and run as a reader would.
 *
 * @module
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isInstalled } from './toolchains.js'

/** Why the snippets cannot be run here; empty if they can. */
export const WHY_NO_CPP = ['gcc', 'g++', 'cmake', 'pkg-config']
  .filter((tool) => !isInstalled(tool))
  .map((tool) => `${tool} is not installed`)
  .join(', ')

/** A project that has the package, with the files of the page in it. */
export class CppProject {
  readonly directory = mkdtempSync(join(tmpdir(), 'rseq-outside-'))
  /** The names of its files, in the order of the page. */
  readonly files: readonly string[]
  /** The commands of the page. */
  readonly commands: readonly string[]

  /** @param installed - the package, or a clone of it. */
  constructor(installed: string) {
    mkdirSync(join(this.directory, 'node_modules'))
    symlinkSync(installed, join(this.directory, 'node_modules/rseq'))
    const page = readFileSync(join(installed, 'docs/cpp.md'), 'utf8')
    const blocks = [...page.matchAll(/^```(\w+) ?(\S*)\n(.*?)^```$/gms)].map(
      ([, language, file = '', text = '']) => ({ language, file, text }),
    )
    const files = blocks.filter(({ file }) => file !== '')
    for (const { file, text } of files) writeFileSync(join(this.directory, file), text)
    this.files = files.map(({ file }) => file)
    this.commands = blocks.filter(({ language }) => language === 'sh').map(({ text }) => text)
  }

  run(command: string): { status: number | null; output: string } {
    const options = { cwd: this.directory, encoding: 'utf8' } as const
    const { status, stdout, stderr } = spawnSync('sh', ['-euc', command], options)
    return { status, output: stdout + stderr }
  }
}
