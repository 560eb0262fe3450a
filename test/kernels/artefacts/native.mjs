// The native test programs for another processor, linked statically: they need no C library of the guest's.
import { join } from 'node:path'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { directory, project, work } from '../host/places.mjs'
import { run } from '../host/process.mjs'

/** The library's own sources, without Node. */
function librarySources() {
  const sources = (place, ending) =>
    readdirSync(join(project, place))
      .filter((name) => name.endsWith(ending))
      .map((name) => join(project, place, name))
  return [...sources('native/rseq', '.cc'), ...sources('native/rseq/arch', '.S')]
}

/** Builds them; returns the directory that they are in. */
export async function buildNativePrograms(arch, programs) {
  const place = directory(work, arch.name, 'bin')
  const compiler = `${arch.triplet}-g++`
  const isMade = ({ source }) => source.startsWith('native/test/')
  const made = programs.filter(isMade).map(({ program }) => program)
  if (made.length > 0) {
    const settings = [`CXX=${compiler}`, `OUT=${place}`, 'STATIC=1']
    const jobs = `-j${availableParallelism()}`
    await run('make', ['-s', jobs, '-C', join(project, 'native', 'test'), ...settings, ...made])
  }
  for (const { program, source } of programs.filter((one) => !isMade(one))) {
    const flags = ['-std=c++17', '-O2', '-g', '-Wall', '-Wextra', '-static', '-pthread']
    const files = [join(project, source), ...librarySources()]
    await run(compiler, [...flags, '-o', join(place, program), ...files])
  }
  return place
}
