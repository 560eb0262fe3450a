// What a release check says about package.json.
import { describe, expect, it } from 'vitest'
import { addressProblems } from '../scripts/addresses.mjs'

const good = {
  repository: { type: 'git', url: 'git+https://git.example/rseq/rseq.git' },
  homepage: 'https://rseq.example/docs/',
  bugs: { url: 'https://git.example/rseq/rseq/issues' },
}

describe('the addresses of a release', () => {
  it('are complete', () => {
    expect(addressProblems(good)).toEqual([])
  })

  it.each([
    ['repository', undefined],
    ['repository', { type: 'git', url: 'https://git.example/rseq/rseq' }],
    ['repository', { type: 'git', url: 'git+https://git.example/.git' }],
    ['repository', 'https://git.example/rseq/rseq.git'],
    ['homepage', undefined],
    ['homepage', 'http://rseq.example/'],
    ['homepage', 'rseq.example'],
    ['bugs', undefined],
    ['bugs', { email: 'bugs@rseq.example' }],
  ])('have to have %s, and not %j', (key, value) => {
    expect(addressProblems({ ...good, [key]: value })).toEqual([expect.stringContaining(`${key} is`)])
  })

  it('are all named if none is there', () => {
    expect(addressProblems({}).length).toBe(3)
  })
})
