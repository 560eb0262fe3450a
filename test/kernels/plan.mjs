// What a machine has to do: the programs, in which order, and how each must end.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { project } from './host/places.mjs'
import { CHECKS } from './guest/check-names.mjs'

/** glibc leaves the registration to us. */
const LIBC_OFF = 'GLIBC_TUNABLES=glibc.pthread.rseq=0'

const always = () => true
const withRseq = (machine) => machine.kernel.config !== 'norseq'
const withLibcArea = (machine) => withRseq(machine) && machine.flavour.registration === 'libc'

/** Where an area of more than 32 bytes gets the mode V2: Linux 7.1 and later, with the generic entry code. */
const hasV2 = (machine) => machine.kernel.name === '7.2' && machine.arch.name === 'x64'

/** How a shell tells SIGSEGV, which is what the kernel sends for a forbidden section. */
const KILLED = 139

/** Every structure, with delays inside the sections: loops, where the emulator lets interrupts in. */
const STRESS =
  'for test in counter each double table list lock buffer memcpy remote spin stack stacks pool ring rings ' +
  'recorder words array nodes; do ' +
  '/rig/bin/stress-delays --test $test --repetitions 1000 --timer 500 --unregistered 3 --yield 20 --signal 30 ' +
  '--delay before=200 --delay loaded=200 --delay between=200 --delay ready=200 || exit 1; done'

/**
 * Native programs: `program` is what `source`, below the project, is built into, and what is run unless
 * there is a `command`. Those of native/test are built by its Makefile, the others by one compiler call; a
 * source that does not exist leaves the program out. `singlestep` makes the emulator take interrupts at
 * every instruction. `output` must match what the program prints.
 */
const NATIVE = [
  {
    name: 'syscall-in-section',
    program: 'syscall_in_section',
    source: 'test/kernels/guest/syscall_in_section.cc',
    seconds: 60,
    on: withRseq,
    exit: (machine) => (machine.kernel.config === 'debugrseq' ? KILLED : 0),
  },
  ...['legacy', 'v2'].map((mode) => ({
    name: 'registration-mode',
    program: 'registration_mode',
    command: `/rig/bin/registration_mode ${mode}`,
    source: 'test/kernels/guest/registration_mode.cc',
    environment: LIBC_OFF,
    seconds: 60,
    // DEBUG_RSEQ is about what a thread must not write, too.
    on: (machine) =>
      withRseq(machine) && machine.kernel.config !== 'debugrseq' && hasV2(machine) === (mode === 'v2'),
    output: /^as expected: the mode is/m,
  })),
  {
    name: 'unit',
    program: 'unit',
    source: 'native/test/unit',
    seconds: 240,
    on: always,
    output: / 0 failed/,
  },
  {
    name: 'unit-self',
    program: 'unit',
    source: 'native/test/unit',
    environment: LIBC_OFF,
    seconds: 240,
    on: withRseq,
    output: / 0 failed/,
  },
  {
    name: 'interleave',
    program: 'interleave',
    source: 'native/test/interleave',
    seconds: 400,
    on: withRseq,
    output: /passed: .* 0 failures/,
  },
  {
    name: 'interleave-mutants',
    program: 'interleave-mutants',
    command: '/rig/bin/interleave-mutants --operations mutant/',
    source: 'native/test/interleave/mutants',
    seconds: 400,
    on: withRseq,
    exit: () => 1,
    output: /mutant\/stale_value/,
  },
  {
    name: 'kill',
    program: 'kill',
    command: '/rig/bin/kill --every 40',
    source: 'native/test/kill',
    seconds: 600,
    on: withRseq,
    output: /passed: .* 0 failures/,
  },
  {
    name: 'kill-mutants',
    program: 'kill-mutants',
    command: '/rig/bin/kill-mutants --only mutant_ --operations mutant/',
    source: 'native/test/kill',
    seconds: 400,
    on: withRseq,
    exit: () => 1,
    output: /mutant\/stores_both/,
  },
  {
    name: 'stress',
    program: 'stress-delays',
    source: 'native/test/stress',
    command: STRESS,
    seconds: 800,
    on: withRseq,
    output: /passed/,
  },
]

/** The tools: `source` must exist, too. */
const TOOLS = [
  {
    name: 'lint',
    source: 'tools/lint/main.ts',
    command: 'node /app/tools/lint/main.js /app/prebuilds/*/*.node',
    seconds: 60,
    on: always,
  },
]

/** Ways to run the smoke test of the package, and what `info()` must say then. */
const SMOKE = [
  { name: 'node', on: always, tier: 'fast' },
  { name: 'node-napi', environment: 'RSEQ_TIER=napi', on: withRseq, tier: 'napi' },
  { name: 'node-self', environment: LIBC_OFF, on: withLibcArea, tier: 'fast', registration: 'self' },
  {
    name: 'node-portable',
    environment: 'RSEQ_BACKEND=portable',
    on: always,
    tier: 'portable',
    reason: '^RSEQ_BACKEND=portable$',
  },
]

const exists = ({ source }) => existsSync(join(project, source))

/** The native programs that there are, each once. */
export function nativePrograms() {
  const programs = NATIVE.filter(exists).map(({ program, source }) => [program, { program, source }])
  return [...new Map(programs).values()]
}

/** Programs of the table that this checkout does not have. */
export function missingPrograms() {
  return [...NATIVE, ...TOOLS].filter((program) => !exists(program)).map(({ name }) => name)
}

function smokeExpectation(machine, { tier, registration, reason }) {
  if (reason !== undefined) return { backend: 'portable', tier, registration: 'none', reason }
  if (!withRseq(machine)) {
    const refused = '^the kernel refused to register this thread for rseq: ENOSYS'
    return { backend: 'portable', tier: 'portable', registration: 'none', reason: refused }
  }
  const owner = registration ?? machine.flavour.registration
  // Own areas have the length that the kernel wants; so have those of glibc 2.41 and later.
  const isLong = owner === 'self' || machine.flavour.name === 'stable'
  const mode = hasV2(machine) && isLong ? 'v2' : 'legacy'
  return { backend: 'native', tier, registration: owner, mode, reason: null }
}

/** What the smoke test finds in /rig/machine.json. */
export function smokeExpectations(machine, { cpus, abi }) {
  const runs = SMOKE.filter(({ on }) => on(machine))
  return {
    cpus,
    abi,
    libc: machine.flavour.libc.source,
    platform: `linux-${machine.arch.node}`,
    smoke: Object.fromEntries(runs.map((run) => [run.name, smokeExpectation(machine, run)])),
  }
}

/** The lines of /rig/plan, as objects: `results` are the names that the host must see reported. */
export function planFor(machine) {
  const line = (
    { name, singlestep = false, seconds, exit, environment = '', output },
    command,
    checks = [],
  ) => ({
    name,
    singlestep,
    seconds,
    exit: exit?.(machine) ?? 0,
    command: `${environment} ${command}`.trim(),
    output: output ?? null,
    results: [...checks.map((check) => `${name}/${check}`), name],
  })
  const here = (program) => exists(program) && program.on(machine)
  return [
    ...NATIVE.filter(here).map((program) => line(program, program.command ?? `/rig/bin/${program.program}`)),
    ...TOOLS.filter(here).map((program) => line(program, program.command)),
    ...SMOKE.filter(({ on }) => on(machine)).map((run) =>
      line({ ...run, seconds: 240 }, `node /app/rig/smoke.mjs ${run.name}`, CHECKS),
    ),
  ]
}
