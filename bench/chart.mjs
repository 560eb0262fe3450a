// Draws the picture of docs/performance.md: the cost of one increment by number of workers.
import * as echarts from 'echarts'

const LINES = [
  { name: 'add', title: 'rseq', color: '#2f8a4b', width: 4 },
  { name: 'add-napi', title: 'rseq, Node-API tier', color: '#7bbf8e', width: 2 },
  { name: 'slot', title: 'a slot per thread (not one total)', color: '#8a8a8a', width: 2 },
  { name: 'atomics-sharded', title: 'Atomics.add, a word per CPU', color: '#3b6fb6', width: 2 },
  { name: 'atomics-int32', title: 'Atomics.add, one Int32', color: '#c9742b', width: 3 },
  { name: 'atomics-bigint64', title: 'Atomics.add, one BigInt64', color: '#b0413e', width: 3 },
]

/** A gray that is legible on white and on black. */
const INK = '#808890'

function seriesOf({ name, title, color, width }, contenders) {
  const { results } = contenders.find((contender) => contender.name === name)
  return {
    name: title,
    type: 'line',
    data: results.map(({ cost }) => Number(cost.median.toFixed(1))),
    lineStyle: { color, width },
    itemStyle: { color },
    symbolSize: 7,
    endLabel: { show: true, formatter: '{a}  {c} ns', color, fontSize: 13 },
    labelLayout: { moveOverlap: 'shiftY' },
  }
}

/** Returns an SVG: for each contender, the CPU time of one increment in nanoseconds, by number of workers. */
export function drawScaling({ machine, contenders }) {
  const counts = contenders.find(({ name }) => name === 'add').results.map(({ workers }) => `${workers}`)
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 900, height: 420 })
  chart.setOption({
    animation: false,
    title: {
      text: 'One increment of a counter that all workers share',
      subtext: `nanoseconds of CPU time, median; Node ${machine.node.slice(1)}, ${machine.cpus} CPUs`,
      left: 20,
      textStyle: { color: INK, fontSize: 16 },
      subtextStyle: { color: INK },
    },
    grid: { left: 60, right: 270, top: 70, bottom: 50 },
    xAxis: {
      type: 'category',
      data: counts,
      boundaryGap: false,
      name: 'workers',
      nameLocation: 'middle',
      nameGap: 28,
      axisLabel: { color: INK },
      nameTextStyle: { color: INK },
      axisLine: { lineStyle: { color: INK } },
    },
    yAxis: {
      type: 'value',
      min: 0,
      axisLabel: { color: INK },
      nameTextStyle: { color: INK },
      splitLine: { lineStyle: { color: INK, opacity: 0.25 } },
    },
    series: LINES.map((line) => seriesOf(line, contenders)),
  })
  const svg = chart.renderToSVGString()
  chart.dispose()
  return `${svg}\n`
}
