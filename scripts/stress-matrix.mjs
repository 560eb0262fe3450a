// The combinations of `npm run stress`: each is one call of a stress program.

const TESTS = [
  'counter',
  'each',
  'double',
  'table',
  'region',
  'lock',
  'spin',
  'list',
  'buffer',
  'memcpy',
  'remote',
  'stack',
  'stacks',
  'pool',
  'ring',
  'rings',
  'recorder',
  'words',
  'array',
  'nodes',
]
/** The tests whose sections have a relaxed and a release commit. */
const ORDERED = new Set(['buffer', 'memcpy'])
const INDEXES = ['cpu_id', 'mm_cid']
const BUILDS = ['stress', 'stress-delays', 'stress-compare-twice']

/** Turns of the empty loop: some microseconds, so that the signal timer often finds a thread there. */
const LONG = 5000
const DELAYS = [
  ['before'],
  ['armed'],
  ['entered'],
  ['loaded'],
  ['between'],
  ['ready'],
  ['before', 'armed', 'entered', 'loaded', 'between', 'ready'],
]

/** The disturbances of the sections, beside the signal timer. */
const AROUND = [
  { name: 'undisturbed', options: [] },
  { name: 'yields', options: ['--yield', '10'] },
  { name: 'signals', options: ['--signal', '10'] },
  { name: 'sleeps', options: ['--sleep', '100'] },
  { name: 'all of them', options: ['--yield', '20', '--signal', '30', '--sleep', '200'] },
]

const delayOptions = (points) =>
  points.flatMap((point) => ['--delay', `${point}=${Math.round(LONG / points.length)}`])

/**
 * The orders of a test's committing store.
 * @param {string} test
 */
const orders = (test) => (ORDERED.has(test) ? ['relaxed', 'release'] : ['relaxed'])

/**
 * Every structure once with sections as they ship, and once with delays and double checks.
 * @returns {{ program: string, args: string[] }[]}
 */
export function shortMatrix() {
  return TESTS.flatMap((test, i) => {
    const common = ['--test', test, '--order', orders(test).at(-1) ?? 'relaxed']
    const every = DELAYS.at(-1) ?? []
    return [
      {
        program: 'stress',
        args: [...common, '--repetitions', '10000', '--timer', '200', '--index', INDEXES[i % 2]],
      },
      {
        program: i % 2 === 0 ? 'stress-compare-twice' : 'stress-delays',
        args: [
          ...common,
          '--repetitions',
          '1000',
          '--timer',
          '500',
          '--index',
          INDEXES[(i + 1) % 2],
          '--unregistered',
          '3',
          ...AROUND[4].options,
          ...delayOptions(every).map((option) => option.replace(/=\d+/, '=200')),
        ],
      },
    ]
  })
}

/**
 * Every structure, index, order, build, delay and surrounding; every second one with unregistered threads.
 * @returns {{ program: string, args: string[] }[]}
 */
export function longMatrix() {
  const runs = []
  for (const test of TESTS)
    for (const index of INDEXES)
      for (const order of orders(test))
        for (const program of BUILDS)
          for (const points of program === 'stress' ? [[], ['before']] : DELAYS)
            for (const { options } of AROUND) {
              const unregistered = runs.length % 2 === 0 ? '0' : '3'
              const args = [
                '--test',
                test,
                '--index',
                index,
                '--order',
                order,
                '--unregistered',
                unregistered,
              ]
              runs.push({
                program,
                args: [...args, '--repetitions', '1000', ...delayOptions(points), ...options],
              })
            }
  return runs
}
