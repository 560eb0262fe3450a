// Shows the progress of long work: a bar on a terminal, a line for each step elsewhere.
import cliProgress from 'cli-progress'

export class Progress {
  #total
  #count = 0
  #begun = performance.now()
  #bar = null

  constructor(total) {
    this.#total = total
    if (total === 0 || !process.stdout.isTTY) return
    const format = '{bar} {value}/{total} {task}'
    this.#bar = new cliProgress.MultiBar({ format, hideCursor: true }, cliProgress.Presets.shades_classic)
    this.#bar.step = this.#bar.create(total, 0, { task: '' })
  }

  /** Begins a step with this title. */
  next(task) {
    this.#bar?.step.update({ task })
  }

  /** Ends the step, with one line about its result. */
  done(text) {
    this.#count++
    const seconds = ((performance.now() - this.#begun) / 1000).toFixed(0)
    const line = `[${String(this.#count).padStart(String(this.#total).length)}/${this.#total}, ${seconds} s] ${text}`
    if (this.#bar === null) {
      console.log(line)
    } else {
      this.#bar.log(`${line}\n`)
      this.#bar.step.update(this.#count)
    }
  }

  end() {
    this.#bar?.stop()
  }
}
