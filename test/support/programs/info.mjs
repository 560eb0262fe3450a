// Prints what the package, or the copy of it that `url` names, says of this process; and how it counts.
const { url = new URL('../../../lib/index.js', import.meta.url).href } = JSON.parse(process.argv[2]) ?? {}
const { PerCpuCounter, info } = await import(url)

const counter = new PerCpuCounter()
counter.add(3)
console.log(JSON.stringify({ ...info(), counted: counter.value }))
