import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkBinary } from '../scripts/check-binary.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const prebuilt = readdirSync(join(root, 'prebuilds'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.node'))
  .map((file) => join('prebuilds', file))

describe.skipIf(process.platform !== 'linux')('binaries', () => {
  test.each(['build/Release/rseq.node', ...prebuilt])('%s loads wherever Node does, and stays', (file) => {
    const { size, needed, glibc, problems } = checkBinary(join(root, file))
    console.log(`${file}: ${size} bytes, glibc ${glibc ?? 'any'}, needs ${needed.join(' ')}`)
    expect(problems).toEqual([])
  })

  describe('a broken one is caught', () => {
    let directory: string
    beforeAll(() => {
      directory = mkdtempSync(join(tmpdir(), 'rseq-binary-'))
    })
    afterAll(() => {
      rmSync(directory, { recursive: true })
    })

    /** Compiles `source` into a shared object that has all that is wanted but for what `flags` and it break. */
    function build(name: string, source: string, ...flags: string[]): string {
      const [cc, so] = [join(directory, `${name}.cc`), join(directory, `${name}.so`)]
      writeFileSync(cc, source)
      const good = ['-shared', '-fPIC', '-Wl,-z,nodelete', '-o', so]
      execFileSync('g++', [...good, cc, ...flags], { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] })
      return so
    }

    test('(nothing is found where nothing is wrong)', () => {
      const file = build('good', 'extern "C" int good() { return 1; }', '-nostdlib', '-lc')
      expect(checkBinary(file).problems).toEqual([])
    })

    test('libraries that a machine may lack, or have in another version', () => {
      const source =
        '#include <iostream>\n#include <cmath>\nvoid f(double x) { std::cout << std::lgamma(x); }'
      const { problems } = checkBinary(build('iostream', source, '-Wl,--no-as-needed', '-lgcc_s'))
      expect(problems).toContain('needs libstdc++.so.6')
      expect(problems).toContain('needs libm.so.6')
      expect(problems).toContain('needs libgcc_s.so.1')
    })

    test('a symbol of a newer glibc', () => {
      // A library that says it is glibc 2.99, as the real one will some day.
      const map = join(directory, 'newer.map')
      writeFileSync(map, 'GLIBC_2.28 { global: older; };\nGLIBC_2.99 { global: newer; };\n')
      build('libnewer', 'extern "C" { void older() {} void newer() {} }', `-Wl,--version-script=${map}`)
      const link = ['-nostdlib', `-L${directory}`, '-lnewer']
      const newer = checkBinary(build('newer', 'extern "C" void newer(); void f() { newer(); }', ...link))
      expect(newer.problems).toContain('requires glibc 2.99, above 2.28')
      const older = checkBinary(build('older', 'extern "C" void older(); void f() { older(); }', ...link))
      expect(older.glibc).toBe('2.28')
      expect(older.problems).toEqual(['needs libnewer.so'])
    })

    test('an executable stack', () => {
      const file = build('stack', 'void f() {}', '-nostdlib', '-Wl,-z,execstack')
      expect(checkBinary(file).problems).toEqual(['asks for an executable stack'])
    })

    test('descriptors that stay writable', () => {
      const file = build('writable', 'void f() {}', '-nostdlib', '-Wl,-z,norelro')
      expect(checkBinary(file).problems).toEqual([
        'has no RELRO: the descriptors of its sections stay writable',
      ])
    })

    test('text relocations', () => {
      const source = '__asm__(".text\\n.globl address\\naddress: .dc.a address\\n");'
      const file = build('text', source, '-nostdlib', '-Wl,-z,notext')
      expect(checkBinary(file).problems).toEqual(['has text relocations'])
    })

    test('one that goes away with the Worker that loaded it', () => {
      const source = build('source', 'void f() {}', '-nostdlib').replace(/so$/, 'cc')
      const file = join(directory, 'unloadable.so')
      execFileSync('g++', ['-shared', '-fPIC', '-nostdlib', '-o', file, source])
      expect(checkBinary(file).problems).toEqual(['can be unloaded (no NODELETE flag)'])
    })

    test('the command says so by its exit status', () => {
      const check = (file: string) =>
        spawnSync(process.execPath, ['scripts/check-binary.mjs', file], { cwd: root, encoding: 'utf8' })
      expect(check('build/Release/rseq.node')).toMatchObject({ status: 0 })
      const bad = check(build('bad', 'void f() {}', '-nostdlib', '-Wl,-z,execstack'))
      expect(bad).toMatchObject({
        status: 1,
        stdout: expect.stringContaining('asks for an executable stack') as string,
      })
      const none = check('package.json')
      expect(none).toMatchObject({ status: 1, stdout: expect.stringContaining('Not an ELF file') as string })
    })
  })
})
