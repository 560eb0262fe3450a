import assert from 'node:assert/strict'
import { PerCpuCounter, info } from 'rseq'
import { KeyvSharedMap } from 'rseq/keyv'
import { defineMetrics } from 'rseq/metrics'
import client, { Registry } from 'rseq/prom-client'
import { type SharedDirectory, openShared } from 'rseq/shared'
import { defineEvents } from 'rseq/trace'

declare function it(name: string, body: () => void): void

it('counts', () => {
  const counter: PerCpuCounter = new PerCpuCounter()
  counter.add(1)
  assert.deepEqual([counter.value, info().backend], [1, process.env['EXPECTED_BACKEND']])
})

it('has types for everything', () => {
  const open: (name: string) => SharedDirectory = openShared
  assert.ok(client.register instanceof Registry)
  assert.deepEqual(
    [typeof open, typeof defineEvents, typeof defineMetrics, typeof KeyvSharedMap],
    Array(4).fill('function'),
  )
})
