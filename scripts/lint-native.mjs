// Runs clang-tidy over the C++ files, with the checks of .clang-tidy.
import { spawnSync } from 'node:child_process'
import { writeCompileCommands } from './compile-commands.mjs'
import { requireTool, root } from './native-sources.mjs'

requireTool('clang-tidy')
writeCompileCommands()
// The runner that comes with clang-tidy: one process for each CPU. It prints the command of every file, too.
const { status } = spawnSync('run-clang-tidy', ['-quiet', '-p', root], { cwd: root, stdio: 'inherit' })
process.exitCode = status ?? 1
