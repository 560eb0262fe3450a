// One start of an emulated machine, from power on to power off.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { ask } from '../host/process.mjs'
import { monitorCommand, monitorWords } from './monitor.mjs'

export const CPUS = 2
const MEMORY_MB = 2048

/** Colours, cursor movements and carriage returns of firmware and kernel. */
const CONTROLS = /\x1b(\[[0-9;?]*[A-Za-z]|c)|[\x00-\x08\x0b-\x1f]/g

/** The command line of QEMU. Always TCG: what runs as /dev/kvm's guest depends on the host. */
export function emulatorCommand(arch, { image, initrd, socket }) {
  const { command, console } = arch.emulator
  const boot = `console=${console} panic=-1 quiet ${arch.kernelArguments ?? ''}`.trimEnd()
  return [
    command,
    ...arch.machine,
    ...['-smp', String(CPUS), '-m', String(MEMORY_MB), '-accel', arch.accelerator ?? 'tcg,thread=multi'],
    ...['-kernel', image, '-initrd', initrd, '-append', boot],
    ...['-nographic', '-nodefaults', '-no-reboot', '-net', 'none', '-serial', 'stdio'],
    ...['-monitor', `unix:${socket},server=on,wait=off`],
  ]
}

/**
 * Boots and waits for the end. QEMU's exit status says nothing about the guest: what counts is the console.
 *
 * @returns its lines, each with the second it came in; and whether the machine had to be stopped.
 */
export async function boot(arch, { image, initrd, seconds }) {
  const place = mkdtempSync(join(tmpdir(), 'rseq-kernels-'))
  const socket = join(place, 'monitor')
  const [command, ...args] = emulatorCommand(arch, { image, initrd, socket })
  const version = ask(command, ['--version'])
  const begun = performance.now()
  const elapsed = () => (performance.now() - begun) / 1000
  const lines = []
  let timedOut = false

  const qemu = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const watchdog = setTimeout(() => {
    timedOut = true
    qemu.kill('SIGKILL')
  }, seconds * 1000)
  const stop = () => qemu.kill('SIGKILL')
  process.once('exit', stop)

  const take = (line) => {
    const text = line.replace(CONTROLS, '').trimEnd()
    lines.push({ at: elapsed(), text })
    const request = /@@ask (.*)/.exec(text)?.[1]
    if (request !== undefined) void serve(request)
  }
  const serve = async (request) => {
    const words = monitorWords(request, version)
    if (words !== null)
      await monitorCommand(socket, words).catch((error) => take(`monitor: ${error.message}`))
    // A guest that died meanwhile does not read this; the console shows it.
    qemu.stdin.write(words === null ? 'unknown\n' : 'done\n', () => {})
  }
  qemu.stdin.on('error', () => {})
  createInterface({ input: qemu.stdout }).on('line', take)
  createInterface({ input: qemu.stderr }).on('line', (line) => take(`${command}: ${line}`))
  try {
    await new Promise((resolve, reject) => qemu.once('error', reject).once('close', resolve))
  } finally {
    clearTimeout(watchdog)
    process.off('exit', stop)
    rmSync(place, { recursive: true, force: true })
  }
  return { lines, seconds: elapsed(), timedOut }
}
