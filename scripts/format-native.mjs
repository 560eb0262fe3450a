// Checks the layout of the C++ files, or with --write corrects it.
import { spawnSync } from 'node:child_process'
import { nativeFiles, requireTool, root } from './native-sources.mjs'

requireTool('clang-format')
const mode = process.argv.includes('--write') ? ['-i'] : ['--dry-run', '-Werror']
const { status } = spawnSync('clang-format', [...mode, ...nativeFiles(/\.(h|cc)$/)], {
  cwd: root,
  stdio: 'inherit',
})
process.exitCode = status ?? 1
