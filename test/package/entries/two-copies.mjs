// Two copies of the package in one process, on the same memory.
const [first, second] = await Promise.all(process.argv.slice(2).map((url) => import(url)))

const mine = new first.PerCpuCounter()
const same = second.PerCpuCounter.from(mine.buffer)
for (let i = 0; i < 10_000; i++) {
  mine.add(1)
  same.add(1)
}
console.log(
  JSON.stringify({ main: first.info(), workers: [second.info()], counted: same.value, expected: 20_000 }),
)
