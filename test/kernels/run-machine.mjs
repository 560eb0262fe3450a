// One machine, from its parts to its results.
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildAddon } from './artefacts/addon.mjs'
import { baseArchive } from './artefacts/base.mjs'
import { concatenate } from './artefacts/cpio.mjs'
import { kernelImage } from './artefacts/kernel.mjs'
import { buildNativePrograms } from './artefacts/native.mjs'
import { makePayload } from './artefacts/payload.mjs'
import { directory, work } from './host/places.mjs'
import { Unavailable } from './host/process.mjs'
import { step } from './host/steps.mjs'
import { judge } from './judge.mjs'
import { CPUS, boot, emulatorCommand } from './machine/boot.mjs'
import { nativePrograms, planFor } from './plan.mjs'

/** What all machines of one processor share, built once. */
export async function prepareArchitecture(arch) {
  const { prebuilds, abi } = await step(`${arch.name}: the addon`, () => buildAddon(arch))
  const programs = await step(`${arch.name}: native programs`, () =>
    buildNativePrograms(arch, nativePrograms()),
  )
  return { prebuilds, abi, programs, cpus: CPUS }
}

/**
 * Its kernel and base system: from the cache, the archive, or Debian's source.
 *
 * @returns their paths, or `problem`: a machine that cannot be made fails alone, the others go on.
 */
export async function prepareMachine({ arch, kernel, flavour }) {
  try {
    const image = await step(`${arch.name}: kernel ${kernel.name}`, () => kernelImage(arch, kernel))
    const base = await step(`${arch.name}: system ${flavour.name}`, () => baseArchive(arch, flavour))
    return { image, base, problem: null }
  } catch (error) {
    return { image: null, base: null, problem: error }
  }
}

/**
 * Boots it and judges what it did.
 *
 * @param keep - leave the root file system there, to boot it by hand with the command that is then printed.
 */
export async function runMachine(machine, { shared, image, base, problem, seconds, keep }) {
  const { name, arch, kernel, flavour } = machine
  const names = { name, arch: arch.name, kernel: kernel.name, flavour: flavour.name }
  if (problem !== null) {
    const results = [{ name: 'prepare', passed: false, detail: problem.message, at: null }]
    return { ...names, seconds: 0, log: null, results, isUnavailable: problem instanceof Unavailable }
  }
  const place = directory(work, machine.name)
  const initrd = join(place, 'initrd')
  const log = join(place, 'console.log')
  concatenate([base, await makePayload(machine, shared)], initrd)
  const seen = await boot(machine.arch, { image, initrd, seconds })
  writeFileSync(log, seen.lines.map(({ at, text }) => `[${at.toFixed(1).padStart(7)}] ${text}\n`).join(''))
  if (keep) {
    const command = emulatorCommand(machine.arch, { image, initrd, socket: join(place, 'monitor') })
    const words = command.map((word) => (/[\s,=]/.test(word) ? `'${word}'` : word))
    console.log(`${machine.name}: ${words.join(' ')}`)
  } else {
    rmSync(initrd)
  }
  return { ...names, seconds: seen.seconds, log, results: judge(seen, planFor(machine)) }
}
